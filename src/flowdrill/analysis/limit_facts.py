"""Each limit of a run: whether it was kept, what was seen of it, and whether it could be seen at all."""

from __future__ import annotations

from flowdrill.analysis.error_budget import burned_ratio
from flowdrill.analysis.measure import image_set
from flowdrill.analysis.outage_columns import failure_of_run
from flowdrill.analysis.outcome_columns import OutcomeColumns
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.model.events import LimitLook, LimitReached, LimitsInForce, Phase, PhaseStarted, Purpose
from flowdrill.model.limits_plan import Limit, LimitName
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Assessment
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status

_KEPT = {
    LimitName.OTHER_WORKLOADS: "none was",
    LimitName.NODES: "none did",
    LimitName.ALERTS: "none did",
}


def limits_of(record: RunRecord, outcomes: OutcomeColumns) -> tuple[Assessment, ...]:
    """Return the limits in force until the restore: kept (pass), reached (fail), or not watched all the time
    (warning)."""
    in_force = record.first(LimitsInForce)
    return () if in_force is None else tuple(_assessed(record, one, outcomes) for one in in_force.limits)


def _assessed(record: RunRecord, limit: Limit, outcomes: OutcomeColumns) -> Assessment:
    reached = record.first(LimitReached)
    until_ns = _until_ns(record)
    unseen = _unseen_because(record, limit.name, until_ns) if limit.name in _KEPT else None
    if reached is not None and reached.limit is limit.name:
        status, observed = Status.FAIL, reached.observed
    elif unseen is not None:
        status, observed = Status.WARNING, unseen
    else:
        status, observed = Status.PASS, _KEPT.get(limit.name) or _cost(record, limit.name, outcomes, until_ns)
    return Assessment(name=limit.name, status=status, required=limit.bound, observed=observed)


def _until_ns(record: RunRecord) -> int:
    """When limits no longer counted: everything was being put back, or the run was over."""
    restore = (event.at_ns for event in record.all_of(PhaseStarted) if event.phase is Phase.RESTORE)
    return next(restore, last_seen_ns(record))


def _cost(record: RunRecord, name: LimitName, outcomes: OutcomeColumns, until_ns: int) -> str:
    if name is LimitName.WALL_CLOCK:
        return format_seconds(run_clock(record).seconds(until_ns))
    broken = image_set(record, Purpose.BREAK)
    known = outcomes.until(until_ns)
    if name is LimitName.ERROR_BUDGET:
        failure = failure_of_run(record, known)
        return f"{format_ratio(burned_ratio(record.drill, failure.bad if failure is not None else 0))} burned"
    since_ns = broken.instant.earliest_ns if broken is not None else until_ns + 1
    return f"{known.since(since_ns).bad_count()} bad requests"


def _unseen_because(record: RunRecord, name: LimitName, until_ns: int) -> str | None:
    """Return why what the limit looks at was not seen all the time, or None. What was not seen before the break cannot
    be compared with anything."""
    broken = image_set(record, Purpose.BREAK)
    looks = [one for one in record.all_of(LimitLook) if one.limit is name and one.at_ns <= until_ns]
    problems = [one.problem for one in looks if one.problem is not None]
    if problems:
        return f"not watched all the time: {problems[0]}"
    in_time = [one for one in looks if broken is None or one.at_ns <= broken.instant.earliest_ns]
    return None if in_time else "not watched: nothing was seen of it before the break"
