"""What rules would have done in a recorded run, for a terminal and for programs."""

from __future__ import annotations

import json
import textwrap

from flowdrill.model.measured import Measure
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.replay import FalseAlarms, Replay, ReplayedFailure, RuleReplay
from flowdrill.report.preflight_text import text_table
from flowdrill.report.safe_text import visible_text

_DAY_SECONDS = 86400.0
_WIDTH = 118  # of sentences
_ALWAYS_FIRING = 0.5  # of the simulated time
_COLUMNS = ("FIRES", "TTD", "BOUNDS", "x SEQUENTIAL", "IN THE RUN", "ON BASELINE", "PER DAY", "RULE")


def render_replay(replay: Replay) -> str:
    """Return what was recorded, one row a rule, and what the numbers rest on; ending with a line end."""
    head = [
        f"replay of {visible_text(replay.run)}: drill {replay.drill}, scenario {replay.scenario}",
        *_recorded(replay),
    ]
    table = text_table(_COLUMNS, (_row(row) for row in replay.rules))
    basis = [textwrap.fill(line, _WIDTH, subsequent_indent="  ") for line in _basis(replay)]
    return "\n".join([*head, "", table, "", *_said(replay), *basis]) + "\n"


def render_replay_json(replay: Replay) -> str:
    """Return the same for programs: only ASCII; ending with a line end."""
    return json.dumps(replay.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def _recorded(replay: Replay) -> list[str]:
    lines = []
    for said in replay.measured:
        took = f" in {_measure(said.time_to_detect)}" if said.time_to_detect is not None else ""
        triggers = ", and triggered the rollback" if said.triggers else ""
        lines.append(f"in the run: {visible_text(said.detector)} detected it{took}{triggers}")
    if replay.failure is None:
        return [*lines, "no user was hit: rules that look at answers have nothing to see"]
    return [*lines, textwrap.fill(_failure(replay.failure), _WIDTH, subsequent_indent="  ")]


def _failure(failure: ReplayedFailure) -> str:
    began = f"users were hit {format_seconds(failure.impact_seconds.seconds)} after the break"
    lasted = f"for {format_seconds(failure.lasted_seconds)}"
    if failure.held_seconds is None or failure.repeated_seconds is None:
        return f"{began}, {lasted}"
    return (
        f"{began}, {lasted}; held for {format_seconds(failure.held_seconds)} by repeating the "
        f"{format_seconds(failure.repeated_seconds)} between the impact and the rollback "
        f"({failure.repeated_bad} of {failure.repeated_requests} requests bad)"
    )


def _row(row: RuleReplay) -> tuple[str, ...]:
    ttd, costs = row.time_to_detect, row.false_alarms
    return (
        "-" if row.fires_at is None else format_seconds(row.fires_at.seconds),
        row.fired.value if ttd is None else format_seconds(ttd.seconds),
        "-" if ttd is None else f"{format_seconds(ttd.earliest)} to {format_seconds(ttd.latest)}",
        "-" if row.times_sequential is None else f"{row.times_sequential:.3g}",
        "-" if row.measured is None else format_seconds(row.measured.seconds),
        str(costs.on_baseline),
        _per_day(costs),
        row.rule if row.name in (None, row.rule) else f"{visible_text(row.name or '')}: {row.rule}",
    )


def _per_day(costs: FalseAlarms) -> str:
    if costs.firing_ratio is not None and costs.firing_ratio >= _ALWAYS_FIRING:
        return f"fires {format_ratio(costs.firing_ratio)} of the time"
    return f"{'< ' if costs.none_seen else ''}{costs.per_day:.3g}"


def _said(replay: Replay) -> list[str]:
    """Why a rule has no time to detect."""
    told = [f"{row.rule}: {row.says}" for row in replay.rules if row.says]
    return [*told, ""] if told else []


def _basis(replay: Replay) -> list[str]:
    """What the numbers rest on."""
    baseline, costs = replay.baseline, replay.rules[0].false_alarms
    seconds = format_seconds(baseline.seconds)
    lines = [
        "FIRES: after the break. TTD: after users were hit. Nobody knows when evaluations and scrapes come: a rule is "
        f"tried at {replay.phases} phases of both. The middle one is shown, and bounds that hold for all.",
        "Before the break, the service is taken to have been as in its baseline for as long as a window is.",
        f"ON BASELINE: false alarms in the {seconds} of the baseline ({baseline.bad} of {baseline.requests} requests "
        "bad).",
        f"PER DAY: an estimate from those {seconds}, drawn anew in blocks of {format_seconds(baseline.block_seconds)} "
        f"for {_simulated(replay)}; `<`: none was seen. Of what is rarer than the baseline is long it knows nothing, "
        "and without a bad (or slow) request in it nothing fires.",
    ]
    if costs.guaranteed_per_day is not None:
        lines.append(
            f"sequential: at most {costs.guaranteed_per_day:.2g} a day are guaranteed while no more than "
            f"{format_ratio(baseline.normal_bad_ratio)} of the requests are bad. No rule promises anything."
        )
    return lines


def _simulated(replay: Replay) -> str:
    """For how long; rules that nothing in the baseline speaks for are simulated for longer."""
    lengths = sorted({row.false_alarms.simulated_seconds for row in replay.rules})
    texts = [format_seconds(seconds) for seconds in (lengths[0], lengths[-1])]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def _measure(measure: Measure) -> str:
    bounds = f"{format_seconds(measure.earliest)} to {format_seconds(measure.latest)}"
    return f"{format_seconds(measure.seconds)} ({bounds})"
