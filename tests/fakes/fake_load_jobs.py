"""The Jobs of a load in the cluster, in memory."""

from __future__ import annotations

from flowdrill.errors import FlowdrillError


class FakeLoadJobs:
    """The `LoadJobs` port. `asked` has every call that changes something, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refuses: FlowdrillError | None = None  # in place of what `try_out` and `remove` do
        self.there: str | None = None  # the run that they send the load of
        self.looks_until_gone = 1

    def try_out(self, run_id: str) -> None:
        if self.refuses is not None:
            raise self.refuses

    def image(self) -> str:
        return "registry.test/flows/greeting:1.0.0"

    def remove(self, run_id: str) -> str | None:
        self.asked.append("remove")
        if self.refuses is not None:
            raise self.refuses
        self.looks_until_gone -= 1
        return "job/load is still there" if self.looks_until_gone >= 0 else None
