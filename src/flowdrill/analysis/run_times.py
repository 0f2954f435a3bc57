"""How one run counts among several of its kind, and between which bounds its times lie."""

from __future__ import annotations

from flowdrill.model.claim import TIMES, Claimed
from flowdrill.model.drill import Drill
from flowdrill.model.events import End, Phase
from flowdrill.model.measured import Measure
from flowdrill.model.repeats import Counts, PooledRun, RunTime
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status


def pooled_run(folder: str, drill: Drill, result: Result) -> PooledRun:
    """Return a run as it counts."""
    counts = counts_as(result)
    return PooledRun(
        folder=folder,
        id=result.run.id,
        started=result.run.started,
        verdict=result.verdict,
        end=result.end,
        reason=result.reasons[0] if result.reasons else "",
        counts=counts,
        times=() if counts is Counts.NO_DRILL else tuple(_time(what, drill, result, counts) for what in TIMES),
        failed_requests_ratio=result.requests.failed_ratio if counts is Counts.DRILL else None,
    )


def counts_as(result: Result) -> Counts:
    """Return what a run counts as. One that is inconclusive before anything was broken has not pulled the brake. One
    that failed in preflight has found that there is none, and one that was cut off while it broke has broken."""
    if result.verdict is not Verdict.INCONCLUSIVE:
        return Counts.DRILL
    began = any(phase.phase == Phase.BREAK for phase in result.phases)
    return Counts.MISS if result.instants.broken is not None or began else Counts.NO_DRILL


def _time(what: Claimed, drill: Drill, result: Result, counts: Counts) -> RunTime:
    """The bounds of a run without a verdict are open: what it saw may have been something else."""
    if counts is Counts.MISS:
        return RunTime(what=what, seconds=None, earliest=0.0, latest=None)
    measure: Measure | None = getattr(result.measures, what.value)
    if measure is not None and measure.latest >= 0:  # before users were hit: it was not this failure that was noticed
        return RunTime(what=what, seconds=measure.seconds, earliest=measure.earliest, latest=measure.latest)
    if what is Claimed.TIME_TO_RECOVER and _spared(result):
        return RunTime(what=what, seconds=0.0, earliest=0.0, latest=0.0)
    return RunTime(what=what, seconds=None, earliest=_at_least(what, drill, result), latest=None)


def _spared(result: Result) -> bool:
    """Whether no user was ever hit, and stayed so: then there was nothing to recover from."""
    held = any(check.name == "recovery_held" and check.status is Status.PASS for check in result.checks)
    return result.never_hit and held


def _at_least(what: Claimed, drill: Drill, result: Result) -> float:
    """How long a time took at least that was waited for in vain: its limit. 0 where it was not waited for."""
    instants = result.instants
    if result.end is not End.COMPLETED or instants.impact is None:
        return 0.0
    if what is Claimed.TIME_TO_DETECT and instants.detected is None:
        return drill.detect_limit_seconds
    if what is Claimed.TIME_TO_RECOVER and instants.triggered is not None:
        return drill.rollback.limit
    if what is Claimed.OUTAGE:
        restored = [phase.start for phase in result.phases if phase.phase == Phase.RESTORE]
        return max(0.0, restored[0] - instants.impact.latest) if restored else 0.0
    return 0.0
