"""An attempt to roll back that was over as soon as it had begun."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.rollback import RollbackTaken


@dataclass(frozen=True, slots=True)
class Over:
    """The `RollbackAttempt` of one request that was answered."""

    outcome: RollbackTaken

    def taken(self) -> RollbackTaken:
        """Return what came of it."""
        return self.outcome

    def stop(self) -> None:
        """Nothing goes on."""
