"""A narrator that remembers what failed: preflight looks at everything before it refuses."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Clock, Emit
from flowdrill.errors import DrillRefusedError
from flowdrill.model.events import Check
from flowdrill.model.status import Status


class Findings(Narrator):
    """Records checks as any narrator does, and refuses the drill in the end when one has failed."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        super().__init__(clock, emit)
        self._findings: list[Check] = []  # that failed, or are not known

    def check(self, name: str, status: Status, *, required: str, observed: str, detail: str = "") -> Check:
        """Record a check and return it."""
        made = super().check(name, status, required=required, observed=observed, detail=detail)
        if status in (Status.FAIL, Status.UNKNOWN):
            self._findings.append(made)
        return made

    def refuse_failed(self, name: str | None = None) -> None:
        """DrillRefusedError when a check has failed, or (with a name) when this one has."""
        failed = [check for check in self._findings if check.status is Status.FAIL]
        if name is None and failed:
            raise self.refusal()
        for check in failed:
            if check.name == name:
                raise DrillRefusedError(f"preflight: {name}: {check.observed}", check.detail or "see the checks")

    def refusal(self) -> DrillRefusedError:
        """Return the error for the first check that failed (where none has, that is not known), with how many more
        there are."""
        ordered = sorted(self._findings, key=lambda check: check.status is not Status.FAIL)
        first, more = ordered[0], [check.name for check in ordered[1:] if check.status is Status.FAIL]
        also = f" (and {len(more)} more: {', '.join(more)})" if more else ""
        return DrillRefusedError(f"preflight: {first.name}: {first.observed}{also}", first.detail or "see the checks")

    def refused(self, name: str, *, required: str, observed: str, remedy: str) -> DrillRefusedError:
        """Record a check that failed, and return the error for one on which all further looking depends."""
        self.check(name, Status.FAIL, required=required, observed=observed, detail=remedy)
        return DrillRefusedError(f"preflight: {name}: {observed}", remedy)
