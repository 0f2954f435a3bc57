"""Sets the workload's image, with what a release changes beside it, and records when: the one place where a run changes
the workload."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.model.access import Actor
from flowdrill.model.events import ImageSet, Purpose
from flowdrill.model.instant import Instant
from flowdrill.model.release import Fields, Release


def break_release(image: str, change_cause: str, release: Release, ports: Ports, tell: Narrator) -> Instant:
    """Deploy the broken release: what is beside the workload, then its pod template. Return the patch of the template,
    [request sent, answer accepted], which is recorded as an event too."""
    for name, patch in release.broken_beside.items():
        ports.workload.patch_beside(name, patch)
    return _patched(Purpose.BREAK, image, change_cause, release.broken_fields, ports, tell, Actor.HARNESS)


def roll_back_release(image: str, change_cause: str, release: Release, ports: Ports, tell: Narrator) -> Instant:
    """Put the stable template back, as a rollback does: what is beside it is no part of a revision, and stays."""
    return _patched(Purpose.ROLL_BACK, image, change_cause, release.stable_fields, ports, tell, Actor.RESPONDER)


def restore_release(image: str, change_cause: str | None, release: Release, ports: Ports, tell: Narrator) -> Instant:
    """Put the stable template back as it was written before the drill."""
    return _patched(Purpose.RESTORE, image, change_cause, release.stable_fields, ports, tell, Actor.HARNESS)


def _patched(
    purpose: Purpose, image: str, change_cause: str | None, fields: Fields, ports: Ports, tell: Narrator, by: Actor
) -> Instant:
    sent = ports.clock.now_ns()
    ports.workload.set_image(image, change_cause, fields=fields, by=by)
    instant = Instant(sent, ports.clock.now_ns())
    identity = ports.workload.responder if by is Actor.RESPONDER else None
    tell.emit(ImageSet(at_ns=instant.latest_ns, purpose=purpose, image=image, instant=instant, identity=identity))
    return instant
