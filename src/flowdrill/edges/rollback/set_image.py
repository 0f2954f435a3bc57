"""Sets the stable image by its digest, as `kubectl set image` does, with a warm connection."""

from __future__ import annotations

from flowdrill.edges.rollback.over import Over
from flowdrill.engine.ports import Clock
from flowdrill.engine.workload_ports import Workload
from flowdrill.model.access import Actor
from flowdrill.model.instant import Instant
from flowdrill.model.rollback import RollbackRequest, RollbackTaken


class SetImage:
    """The `RollbackStrategy` that patches the container's image, and what of the container the release had changed."""

    def __init__(self, workload: Workload, clock: Clock) -> None:
        self._workload, self._clock = workload, clock

    def begin(self, request: RollbackRequest) -> Over:
        """Send the patch as the responder; raises what the API server answers."""
        sent = self._clock.now_ns()
        self._workload.set_image(request.image, request.change_cause, fields=request.fields, by=Actor.RESPONDER)
        return Over(RollbackTaken("", sent, Instant(sent, self._clock.now_ns())))
