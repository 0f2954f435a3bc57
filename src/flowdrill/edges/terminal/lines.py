"""One line of plain text an event: for logs, pipes, and above the live view."""

from __future__ import annotations

from flowdrill.model.events import (
    BaselineHeld,
    BrokenImageMade,
    Checked,
    Decided,
    Detected,
    Event,
    ImageSet,
    Noted,
    PhaseStarted,
    RecoveryHeld,
    RolledBack,
    RunEnded,
    RunStarted,
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
        case UndoRegistered(where=where):
            return f"the undo is written down in the run folder and in {where}"
        case BrokenImageMade(reference=reference, changes=changes):
            return f"broken image {reference}: {'; '.join(changes)}"
        case ImageSet(purpose=purpose, image=image, identity=identity):
            return f"image set to {purpose}: {image}" + (f" (as {identity})" if identity else "")
        case Detected(detector=detector):
            return f"detected by {detector}"
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
