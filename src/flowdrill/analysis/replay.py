"""Rules over a recorded run: when each would have fired, and what it would cost in false alarms. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.analysis.measure import Timeline, failure_of, timeline_of
from flowdrill.analysis.outage import FailingWindow
from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.analysis.replay_candidates import (
    PHASES,
    Candidate,
    candidates_of,
    first_unseen,
    normal_of,
    watchers_from,
)
from flowdrill.analysis.replay_failure import (
    FailureStream,
    failing_until_ns,
    first_alarms,
    stretch_to_repeat,
)
from flowdrill.analysis.replay_false_alarms import SEED, false_alarms, steady_of
from flowdrill.analysis.run_clock import last_seen_ns, measure_of, run_started
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.events import BaselineHeld, Detected
from flowdrill.model.instant import Instant, Span, ns_to_seconds, seconds_to_ns
from flowdrill.model.measured import Measure
from flowdrill.model.outcome import Outcome
from flowdrill.model.quantity import format_seconds
from flowdrill.model.replay import (
    FalseAlarms,
    Fired,
    MeasuredDetection,
    Replay,
    ReplayedBaseline,
    ReplayedFailure,
    RuleReplay,
)
from flowdrill.model.rule import Rule
from flowdrill.model.run_record import RunRecord

_MOST_HELD_REQUESTS = 500_000
_RECORDED = "name the folder of a drill that broke something: its baseline held, and the release was broken"


@dataclass(frozen=True, slots=True)
class ReplayOrder:
    """What is asked: which rules (none: the drill's own and well-known ones), for how long the failure is made to last
    (None: as long as it did), and for how long the baseline is simulated (None: what is cheap)."""

    rules: tuple[Rule, ...] = ()
    hold_failure_seconds: float | None = None
    simulate_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """What of the recorded run the rules are held against."""

    known: Sequence[Outcome]
    baseline: BaselineHeld
    broken: Instant
    failure: FailingWindow | None
    timeline: Timeline
    stream: FailureStream


def replay_of(record: RunRecord, order: ReplayOrder) -> Replay:
    """Return what every rule would have done; the same record and order always give the same answer. RunFolderError
    when the run has no baseline or no break; PlanError when a rule cannot be evaluated on its outcomes, or the failure
    cannot be held."""
    run = _run_of(record, order)
    normal = normal_of(record.drill, record.scenario, run.baseline, run.known, run.broken.earliest_ns)
    candidates = candidates_of(record.drill, order.rules)
    unseen = first_unseen(candidates, record.drill)
    if unseen is not None:
        raise PlanError(f"--rule {unseen}", "`flowdrill replay --help` says what a rule may be")
    steady = steady_of(run.baseline, run.known)
    watchers = [watchers_from(one, normal, run.broken.earliest_ns) for one in candidates]
    alarms = first_alarms(watchers, run.stream)
    measured = _measured(record, run.timeline)
    costs = false_alarms(candidates, normal, steady, order.simulate_seconds)
    rows = [
        _row(candidate, Firing(tuple(instants)), run, measured, cost)
        for candidate, instants, cost in zip(candidates, alarms, costs, strict=True)
    ]
    return Replay(
        run=run_started(record).run_id,
        drill=record.drill.drill,
        scenario=record.scenario.scenario,
        requests_per_second=record.drill.load.requests_per_second,
        baseline=ReplayedBaseline(
            seconds=steady.seconds,
            requests=len(steady.outcomes),
            bad=sum(one.bad for one in steady.outcomes),
            normal_bad_ratio=normal.bad_ratio,
            block_seconds=steady.block_seconds,
            seed=SEED,
        ),
        failure=_failure(run, order),
        measured=measured,
        phases=PHASES,
        rules=_held_against_the_first(rows),
    )


def _run_of(record: RunRecord, order: ReplayOrder) -> _Run:
    if record.frames is not None:
        raise RunFolderError(
            "its load was sent by workers, which told of it in bins: rules are replayed over single requests",
            "replay a run without load.workers",
        )
    baseline = record.first(BaselineHeld)
    if baseline is None:
        raise RunFolderError("the run has no baseline: it ended before its steady state had held", _RECORDED)
    objective_ns = seconds_to_ns(record.drill.load.latency_objective)
    known = outcomes_of(record.records, objective_ns, last_seen_ns(record)).outcomes
    failure = failure_of(record, known)
    timeline = timeline_of(record, failure)
    if timeline.broken is None:
        raise RunFolderError("the run has no break: it ended before anything was broken", _RECORDED)
    if not any(baseline.window.earliest_ns < one.known_ns <= baseline.window.latest_ns for one in known):
        raise RunFolderError("outcomes.bin holds no outcome of the baseline", "restore the run folder from a copy")
    if not 0 < baseline.normal_bad_ratio < ALTERNATIVES[-1]:
        raise RunFolderError(f"its baseline has a bad ratio of {baseline.normal_bad_ratio:g}", _RECORDED)
    stream = _stream(record, order, timeline.broken, failure, timeline, known)
    return _Run(known, baseline, timeline.broken, failure, timeline, stream)


def _stream(
    record: RunRecord,
    order: ReplayOrder,
    broken: Instant,
    failure: FailingWindow | None,
    timeline: Timeline,
    known: Sequence[Outcome],
) -> FailureStream:
    if order.hold_failure_seconds is None:
        ends_ns = failing_until_ns(failure, known) if failure is not None else known[-1].known_ns
        return FailureStream(broken.earliest_ns, ends_ns, known)
    held = stretch_to_repeat(failure, timeline, known) if failure is not None else None
    if failure is None or held is None:
        raise PlanError(
            "--hold-failure: no failing request is recorded between the break and the rollback, so there is no failure "
            "to hold",
            "replay the run without it, or a run in which users were hit before the rollback",
        )
    if order.hold_failure_seconds * record.drill.load.requests_per_second > _MOST_HELD_REQUESTS:
        longest = f"{_MOST_HELD_REQUESTS / record.drill.load.requests_per_second:.0f}s"
        raise PlanError(
            f"--hold-failure {order.hold_failure_seconds:g}s is more than {_MOST_HELD_REQUESTS} requests at "
            f"{record.drill.load.requests_per_second:g} requests/s",
            f"hold it for at most {longest}",
        )
    ends_ns = failure.impact.latest_ns + seconds_to_ns(order.hold_failure_seconds)
    return FailureStream(broken.earliest_ns, max(ends_ns, held.until_ns), known, held)


@dataclass(frozen=True, slots=True)
class Firing:
    """When one rule fired, at each phase; None: not while the failure lasted."""

    instants: tuple[Instant | None, ...]

    @property
    def seen(self) -> tuple[Instant, ...]:
        """Those at which it fired."""
        return tuple(one for one in self.instants if one is not None)

    def since(self, start: Instant) -> Measure | None:
        """Return the time from `start`, over all phases: the middle one, and bounds that hold for each."""
        if not self.seen:
            return None
        span = Span(
            shortest_ns=min(one.earliest_ns for one in self.seen) - start.latest_ns,
            estimate_ns=median_low(one.middle_ns for one in self.seen) - start.middle_ns,
            longest_ns=max(one.latest_ns for one in self.seen) - start.earliest_ns,
        )
        return measure_of(span)


def _row(
    candidate: Candidate,
    firing: Firing,
    run: _Run,
    measured: tuple[MeasuredDetection, ...],
    costs: FalseAlarms,
) -> RuleReplay:
    fired, says = _fired(firing, run)
    of_run = next((one for one in measured if one.detector == candidate.name), None)
    impact = run.failure.impact if run.failure is not None else None
    return RuleReplay(
        name=candidate.name,
        rule=str(candidate.rule),
        fired=fired,
        fires_at=firing.since(run.broken),
        time_to_detect=firing.since(impact) if impact is not None and fired is Fired.YES else None,
        times_sequential=None,
        measured=of_run.time_to_detect if of_run is not None else None,
        says=says,
        false_alarms=costs,
    )


def _fired(firing: Firing, run: _Run) -> tuple[Fired, str]:
    """Whether it did, and what to say where that is no time to detect."""
    if run.failure is None:
        if firing.seen:
            return Fired.FALSE_ALARM, "fired, and no user was hit: a false alarm"
        return Fired.NO, "no user was hit: answers show no failure"
    impact = run.failure.impact
    if any(one.latest_ns < impact.earliest_ns for one in firing.seen):
        return Fired.FALSE_ALARM, "fired before any user was hit: a false alarm"
    lasted = format_seconds(ns_to_seconds(run.stream.ends_ns - impact.middle_ns))
    within = f"not within the {lasted} that the failure {'lasted' if run.stream.held is None else 'was held'}"
    if not firing.seen:
        return Fired.NO, within
    if len(firing.seen) < len(firing.instants):
        phases = f"at {len(firing.instants) - len(firing.seen)} of {len(firing.instants)} phases"
        return Fired.AT_SOME_PHASES, f"{within} {phases} of its evaluations and scrapes"
    return Fired.YES, ""


def _held_against_the_first(rows: Sequence[RuleReplay]) -> tuple[RuleReplay, ...]:
    """The first row is the sequential detector: how many times as long the others take."""
    yardstick = rows[0].time_to_detect
    if yardstick is None or yardstick.seconds <= 0:
        return tuple(rows)
    return tuple(
        row.model_copy(update={"times_sequential": row.time_to_detect.seconds / yardstick.seconds})
        if row.time_to_detect is not None
        else row
        for row in rows
    )


def _measured(record: RunRecord, timeline: Timeline) -> tuple[MeasuredDetection, ...]:
    return tuple(
        MeasuredDetection(
            detector=said.detector,
            time_to_detect=measure_of(timeline.time_to_detect_of(said)),
            triggers=said.triggers,
        )
        for said in record.all_of(Detected)
    )


def _failure(run: _Run, order: ReplayOrder) -> ReplayedFailure | None:
    if run.failure is None:
        return None
    impact, held = run.failure.impact, run.stream.held
    since_break = measure_of(run.broken.until(impact))
    assert since_break is not None  # noqa: S101 - of an instant that is there
    return ReplayedFailure(
        impact_seconds=since_break,
        lasted_seconds=ns_to_seconds(failing_until_ns(run.failure, run.known) - impact.middle_ns),
        held_seconds=order.hold_failure_seconds,
        repeated_seconds=ns_to_seconds(held.until_ns - held.from_ns) if held is not None else None,
        repeated_requests=len(held.outcomes) if held is not None else None,
        repeated_bad=sum(one.bad for one in held.outcomes) if held is not None else None,
    )
