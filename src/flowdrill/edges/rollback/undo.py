"""Goes back to the revision that holds the stable template, as `kubectl rollout undo` does."""

from __future__ import annotations

from flowdrill.edges.rollback.over import Over
from flowdrill.engine.ports import Clock
from flowdrill.engine.workload_ports import Workload
from flowdrill.errors import UndoRefusedError
from flowdrill.model.access import Actor
from flowdrill.model.instant import Instant
from flowdrill.model.rollback import RollbackRequest, RollbackTaken


class Undo:
    """The `RollbackStrategy` that brings the whole template back, and with it whatever a release has changed in it."""

    def __init__(self, workload: Workload, clock: Clock) -> None:
        self._workload, self._clock = workload, clock

    def begin(self, request: RollbackRequest) -> Over:
        """Send it as the responder. A revision that is gone, or holds something else, is a refusal; what else the API
        server answers is raised."""
        sent = self._clock.now_ns()
        if request.revision is None:
            return Over(RollbackTaken("", sent, refused="no revision is known that holds the stable template"))
        how = f"rollout undo to {request.revision}"
        try:
            self._workload.undo_to(request.revision, request.template, by=Actor.RESPONDER)
        except UndoRefusedError as error:
            return Over(RollbackTaken(how, sent, refused=error.problem, remedy=error.remedy))
        return Over(RollbackTaken(how, sent, Instant(sent, self._clock.now_ns())))
