"""A narrator that remembers what failed: preflight looks at everything before it refuses."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Clock, Emit
from flowdrill.errors import DrillRefusedError
from flowdrill.model.events import Check, Status


class Findings(Narrator):
    """Records checks as any narrator does, and refuses the drill in the end when one has failed."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        super().__init__(clock, emit)
        self._failed: list[Check] = []

    def check(self, name: str, status: Status, *, required: str, observed: str, detail: str = "") -> Check:
        """Record a check and return it."""
        made = super().check(name, status, required=required, observed=observed, detail=detail)
        if status is Status.FAIL:
            self._failed.append(made)
        return made

    def refuse_failed(self) -> None:
        """DrillRefusedError when a check has failed, with the first one and how many more there are."""
        if not self._failed:
            return
        first, more = self._failed[0], len(self._failed) - 1
        also = f" (and {more} more: {', '.join(check.name for check in self._failed[1:])})" if more else ""
        raise DrillRefusedError(f"preflight: {first.name}: {first.observed}{also}", first.detail or "see the checks")

    def refused(self, name: str, *, required: str, observed: str, remedy: str) -> DrillRefusedError:
        """Record a check that failed, and return the error for one on which all further looking depends."""
        self.check(name, Status.FAIL, required=required, observed=observed, detail=remedy)
        return DrillRefusedError(f"preflight: {name}: {observed}", remedy)
