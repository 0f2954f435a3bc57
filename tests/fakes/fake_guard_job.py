"""A guard in the cluster, in memory."""

from __future__ import annotations

from flowdrill.errors import ClusterError, FlowdrillError
from flowdrill.model.undo import Undo


class FakeGuardJob:
    """The `GuardJob` port. `asked` has every call that changes something, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: FlowdrillError | None = None  # in place of what `try_out`, `create` and `remove` do
        self.there: str | None = None  # the run that it watches over
        self.looks_until_ready = 0
        self.looks_until_gone = 1

    def try_out(self, run_id: str) -> None:
        if self.refuses is not None:
            raise self.refuses

    def create(self, undo: Undo) -> None:
        self.asked.append("create")
        if self.refuses is not None:
            raise self.refuses
        self.there = undo.run_id

    def unready(self) -> str | None:
        self.looks_until_ready -= 1
        if self.looks_until_ready == 0:
            raise ClusterError("no answer", "wait")
        return f"{self.looks_until_ready} looks more" if self.looks_until_ready > 0 else None

    def remove(self, run_id: str) -> str | None:
        self.asked.append("remove")
        if self.refuses is not None:
            raise self.refuses
        if self.there == run_id:
            self.looks_until_gone -= 1
            if self.looks_until_gone >= 0:
                return "job/guard is still there"
            self.there = None
        return None
