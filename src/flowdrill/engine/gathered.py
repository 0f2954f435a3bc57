"""The tables of preflight, as far as it has come: a drill that is refused half-way reports what was seen by then."""

from __future__ import annotations

from flowdrill.model.reach import Reach
from flowdrill.model.readiness import AccessRow, ImageRow, Readiness, RevisionRow


class Gathered:
    """Filled in while preflight looks."""

    def __init__(self, responder: str) -> None:
        self.responder = responder
        self.access: tuple[AccessRow, ...] = ()
        self.images: tuple[ImageRow, ...] = ()
        self.revisions: tuple[RevisionRow, ...] = ()
        self.reach: Reach | None = None
        self.ledger_head: str | None = None

    def readiness(self) -> Readiness:
        """Return everything as reports have it."""
        return Readiness(
            responder=self.responder,
            access=self.access,
            images=self.images,
            revisions=self.revisions,
            reach=self.reach,
            ledger_head=self.ledger_head,
        )
