"""One line of plain text an event: for logs, pipes, and above the live view."""

from __future__ import annotations

from flowdrill.model.events import (
    Acknowledged,
    ActivityEnded,
    ActivityStarted,
    AlertEnded,
    AlertStageSeen,
    AuditFactsTold,
    BaselineHeld,
    BrokenImageMade,
    Checked,
    Decided,
    Detected,
    Event,
    ImageSet,
    Injected,
    LimitLook,
    LimitReached,
    LimitsInForce,
    Noted,
    ObstaclePut,
    ObstacleTaken,
    PhaseStarted,
    RecoveryHeld,
    RolledBack,
    RunEnded,
    RunStarted,
    SourceChanged,
    UndoRegistered,
)
from flowdrill.model.quantity import format_ratio
from flowdrill.model.status import Status


def line_of(event: Event) -> str | None:  # noqa: C901, PLR0912 - one case an event reads better than 14 functions
    """Return what to print for an event, or None for those that only a report needs. The text may hold what a cluster
    said: the caller makes control characters visible."""
    match event:
        case RunStarted():
            return f"run {event.run_id} on {event.cluster} (Kubernetes {event.kubernetes_version})"
        case AuditFactsTold(facts=facts):
            approved = f", approved by {facts.approved_by.name}" if facts.approved_by is not None else ""
            return f"run by {facts.ran_by.name} ({facts.ran_by.source}){approved}" if facts.ran_by is not None else None
        case PhaseStarted(phase=phase):
            return f"-- {phase}"
        case Checked(check=check):
            mark = {Status.PASS: "ok", Status.WARNING: "warning", Status.FAIL: "FAILED", Status.UNKNOWN: "unknown"}[
                check.status
            ]
            return f"{check.name}: {mark}" + ("" if check.status is Status.PASS else f": {check.observed}")
        case BaselineHeld():
            normal = format_ratio(event.normal_bad_ratio)
            return f"steady: {event.bad} of {event.finished} requests bad; up to {normal} pass for normal"
        case UndoRegistered(where=where, digest=digest):
            return f"the undo is written down in the run folder and in {where} ({digest})"
        case BrokenImageMade(reference=reference, changes=changes):
            return f"broken image {reference}: {'; '.join(changes)}"
        case ImageSet(image=image, identity=identity, how=how, by_people=True):
            return f"rolled back by {identity or 'somebody'}: {how} ({image})"
        case ImageSet(purpose=purpose, image=image, identity=identity, how=how):
            who = f" (as {identity})" if identity else ""
            return f"image set to {purpose}: {image}{who}" + (f", {how}" if how else "")
        case Detected(detector=detector):
            return f"detected by {detector}"
        case AlertStageSeen(alert=alert, stage=stage, says=says):
            return f"alert {alert}: {stage}" + (f" ({says})" if says else "")
        case AlertEnded(alert=alert, says=says):
            return f"alert {alert}: {says}"
        case SourceChanged(source=source, problem=problem):
            return f"{source}: {problem or 'back'}"
        case Acknowledged(by=by, how=how):
            return f"acknowledged by {by} ({how})"
        case Injected(text=text, by=by):
            return f"{by} says: {text}"
        case ObstaclePut(obstacle=obstacle, what=what):
            return f"in the way: {obstacle}: {what}"
        case ObstacleTaken(obstacle=obstacle, problem=problem):
            return f"out of the way: {obstacle}" + (f": {problem}" if problem else "")
        case ActivityStarted(place=place, name=name):
            return f"activity ({place}): {name}"
        case ActivityEnded(name=name, end=end, says=says):
            return f"activity {name}: {end}" + (f": {says}" if says else "")
        case LimitsInForce(limits=limits):
            return f"limits that stop the drill: {', '.join(one.name for one in limits)}"
        case LimitLook(limit=limit, problem=str(problem)):
            return f"limit {limit} is not watched: {problem}"
        case LimitReached(limit=limit, observed=observed):
            return f"LIMIT {limit} reached: {observed}: everything is put back"
        case Decided(by=by):
            return f"roll back decided by {by}"
        case RolledBack():
            return "every replica runs the stable image"
        case RecoveryHeld():
            return "users are served again, and the recovery held"
        case Noted(text=text):
            return f"note: {text}"
        case RunEnded(end=end, why=why):
            return f"-- {end}: {why}"
        case _:
            return None


def visible(text: str) -> str:
    """Return `text` with every control and format character shown as an escape, so that it cannot steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
