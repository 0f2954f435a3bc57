"""Sets the workload's image, with what a release changes beside it, and records when: for the break and for the
restore. The way back is taken by the drill's strategy (`rolling_back.py`)."""

from __future__ import annotations

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import RestorePorts
from flowdrill.model.container_fields import Fields
from flowdrill.model.events import ImageSet, Purpose
from flowdrill.model.instant import Instant


def break_release(image: str, change_cause: str, cleared: Cleared, ports: RestorePorts, tell: Narrator) -> Instant:
    """Deploy the broken release: what is beside the workload, then its pod template, which must be the one that
    preflight has seen. Return the patch of the template, [request sent, answer accepted], which is recorded as an event
    too."""
    for name, patch in cleared.release.broken_beside.items():
        ports.workload.patch_beside(name, patch)
    sent = ports.clock.now_ns()
    ports.workload.break_image(image, change_cause, fields=cleared.release.broken_fields, over=cleared.template)
    return _told(Purpose.BREAK, image, sent, ports, tell)


def restore_release(
    image: str, change_cause: str | None, fields: Fields, ports: RestorePorts, tell: Narrator
) -> Instant:
    """Put the stable template back as it was written before the drill."""
    sent = ports.clock.now_ns()
    ports.workload.set_image(image, change_cause, fields=fields)
    return _told(Purpose.RESTORE, image, sent, ports, tell)


def _told(purpose: Purpose, image: str, sent_ns: int, ports: RestorePorts, tell: Narrator) -> Instant:
    instant = Instant(sent_ns, ports.clock.now_ns())
    tell.emit(ImageSet(at_ns=instant.latest_ns, purpose=purpose, image=image, instant=instant, identity=None))
    return instant
