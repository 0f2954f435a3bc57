"""Two runs side by side: for a terminal and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from flowdrill.model.comparison import Change, ComparedDetection, ComparedRun, Comparison, Difference
from flowdrill.model.measured import Measure
from flowdrill.model.quantity import format_seconds
from flowdrill.report.preflight_text import text_table
from flowdrill.report.safe_text import visible_text
from flowdrill.report.words import assessed_words

_WIDTH = 118
_LONGEST_CELL = 140
_MISSING = "–"
_CHANGE_WORDS = {
    Change.SHORTER: "certainly shorter",
    Change.LONGER: "certainly longer",
    Change.NOT_CERTAIN: "not certain: the bounds overlap",
    Change.ONLY_FIRST: "not measured in the second run",
    Change.ONLY_SECOND: "not measured in the first run",
    Change.NEITHER: "not measured",
}
_THESE_TWO = "What is certain is so for these two runs. How the next ones go is a question of many: `flowdrill pool`."


def render_comparison_json(comparison: Comparison) -> str:
    """Return everything for programs: only ASCII; ending with a line end."""
    return json.dumps(comparison.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def render_comparison(comparison: Comparison) -> str:
    """Return what a terminal shows, ending with a line end."""
    blocks = [_runs(comparison), _plan(comparison)]
    if comparison.times:
        blocks.append(_times(comparison))
    if comparison.statuses:
        blocks.append(_statuses(comparison))
    if comparison.detections:
        blocks.append(text_table(("DETECTOR", "FIRST", "SECOND", ""), map(_detection, comparison.detections)))
    blocks += [
        _differences(title, rows)
        for title, rows in (("IMAGES", comparison.images), ("ENVIRONMENT", comparison.environment))
        if rows
    ]
    blocks.append(_verdict(comparison))
    return "\n\n".join(blocks) + "\n"


def _runs(comparison: Comparison) -> str:
    return "\n".join(
        f"{place}: {one.verdict.value.upper():<13} {visible_text(one.drill)} on {visible_text(one.target)}, "
        f"{visible_text(one.started)}\n         {_why(one)}"
        for place, one in (("first ", comparison.before), ("second", comparison.after))
    )


def _why(run: ComparedRun) -> str:
    return f"{visible_text(run.folder, 200)}: {visible_text(run.reason, 200)}"


def _plan(comparison: Comparison) -> str:
    note = comparison.plan_note
    if comparison.same_plan:
        head = f"The plan is the same: {visible_text(comparison.before.plan_digest)}."
    else:
        head = "The plan is another one" + (f": {note}." if note else ".")
    lines = [textwrap.fill(head, _WIDTH)]
    return "\n".join([*lines, *([_differences("PLAN", comparison.plan)] if comparison.plan else [])])


def _times(comparison: Comparison) -> str:
    rows = [
        (
            _cell(one.name.replace("_", " ")),
            _measure(one.before),
            _measure(one.after),
            _signed(one.difference),
            _CHANGE_WORDS[one.change],
        )
        for one in comparison.times
    ]
    return text_table(("TIME", "FIRST", "SECOND", "DIFFERENCE", ""), rows)


def _statuses(comparison: Comparison) -> str:
    rows = [
        (
            f"{one.kind} {_cell(assessed_words(one.name))}",
            one.before.value if one.before else _MISSING,
            one.after.value if one.after else _MISSING,
            _cell(one.observed_after or one.observed_before),
        )
        for one in comparison.statuses
    ]
    return text_table(("CHANGED", "FIRST", "SECOND", "OBSERVED"), rows)


def _differences(title: str, rows: Iterable[Difference]) -> str:
    table = [(_cell(one.what), _or_missing(one.before), _or_missing(one.after)) for one in rows]
    return text_table((title, "FIRST", "SECOND"), table)


def _verdict(comparison: Comparison) -> str:
    told = [
        f"The second run is certainly {how} in: {_listed(names)}."
        for how, names in (("worse", comparison.worse), ("better", comparison.better))
        if names
    ]
    lines = told or ["In nothing is the second run certainly better or worse."]
    return "\n".join(textwrap.fill(one, _WIDTH, subsequent_indent="  ") for one in (*lines, _THESE_TWO))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_cell(one.replace("_", " ")) for one in names)


def _measure(measure: Measure | None) -> str:
    if measure is None:
        return _MISSING
    earliest, latest = format_seconds(measure.earliest), format_seconds(measure.latest)
    return f"{format_seconds(measure.seconds)} ({earliest} to {latest})"


def _signed(measure: Measure | None) -> str:
    """A difference, of which `+` is worth saying."""
    if measure is None:
        return _MISSING
    one, earliest, latest = (
        f"{'+' if value > 0 else ''}{format_seconds(value)}"
        for value in (measure.seconds, measure.earliest, measure.latest)
    )
    return f"{one} ({earliest} to {latest})"


def _detection(one: ComparedDetection) -> tuple[str, ...]:
    change = _CHANGE_WORDS[one.change] if one.before and one.after else ""
    return (
        _cell(one.detector),
        _said(one.before, said=one.said_before),
        _said(one.after, said=one.said_after),
        change,
    )


def _said(measure: Measure | None, *, said: bool) -> str:
    return _measure(measure) if said and measure else "said something" if said else "said nothing"


def _or_missing(text: str | None) -> str:
    return _MISSING if text is None else _cell(text)


def _cell(text: str) -> str:
    return visible_text(text, _LONGEST_CELL)
