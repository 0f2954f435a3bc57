"""Sets the workload's image and records when: the one place where a run changes the workload."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.model.events import ImageSet, Purpose
from flowdrill.model.instant import Instant


def set_image(
    purpose: Purpose, image: str, change_cause: str | None, ports: Ports, tell: Narrator, *, as_user: str | None
) -> Instant:
    """Patch the image; return [request sent, answer accepted], which is recorded as an event too."""
    sent = ports.clock.now_ns()
    ports.workload.set_image(image, change_cause, as_user=as_user)
    instant = Instant(sent, ports.clock.now_ns())
    tell.emit(ImageSet(at_ns=instant.latest_ns, purpose=purpose, image=image, instant=instant, identity=as_user))
    return instant
