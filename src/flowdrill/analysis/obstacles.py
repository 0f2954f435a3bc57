"""What stood in the way of the rollback, from when to when, and whether the brake held all the same."""

from __future__ import annotations

from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.events import Checked, ObstaclePut, ObstacleTaken, RecoveryHeld, RolledBack, RunEnded
from flowdrill.model.instant import Instant
from flowdrill.model.result import Assessment, ObstacleFacts
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status


def obstacles_of(record: RunRecord, clock: RunClock) -> tuple[ObstacleFacts, ...]:
    """Return every obstacle that was put, in order."""
    taken = {event.obstacle: event for event in record.all_of(ObstacleTaken)}
    return tuple(_facts(event, taken.get(event.obstacle), clock) for event in record.all_of(ObstaclePut))


def in_the_way(record: RunRecord) -> tuple[str, ...]:
    """Return the names of what was put in the way."""
    return tuple(event.obstacle for event in record.all_of(ObstaclePut))


def brake_held(record: RunRecord) -> Assessment | None:
    """Return whether users were served again although something was in the way; None where nothing was."""
    names = in_the_way(record)
    absent = [str(one.kind) for one in record.drill.obstacles if one.kind not in names]
    if absent:
        return Assessment(
            name="brake_held",
            status=Status.UNKNOWN,
            required=f"the rollback brings users back although {', '.join((*names, *absent))} is in the way",
            observed=f"{', '.join(absent)} was not in the way yet",
        )
    if not names:
        return None
    failed, told = _failed_because(record), f"(in the way: {', '.join(names)})"
    return Assessment(
        name="brake_held",
        status=Status.PASS if failed is None else Status.FAIL,
        required=f"the rollback brings users back although {', '.join(names)} is in the way",
        observed=f"it did {told}" if failed is None else f"{failed} {told}",
    )


def _failed_because(record: RunRecord) -> str | None:
    checks = (event.check for event in record.all_of(Checked))
    refused = next((one for one in checks if one.name == "rollback_accepted" and one.status is Status.FAIL), None)
    if refused is not None:
        return f"the rollback was refused: {refused.observed}"
    if record.first(RolledBack) is not None and record.first(RecoveryHeld) is not None:
        return None
    ended = record.first(RunEnded)
    return "the rollback was taken and did not work" + (f": {ended.why}" if ended else "")


def _facts(put: ObstaclePut, taken: ObstacleTaken | None, clock: RunClock) -> ObstacleFacts:
    return ObstacleFacts(
        name=put.obstacle,
        what=put.what,
        put=clock.moment(Instant(put.at_ns, put.at_ns)),
        taken=None if taken is None or taken.problem else clock.moment(Instant(taken.at_ns, taken.at_ns)),
        problem=None if taken is None else taken.problem,
    )
