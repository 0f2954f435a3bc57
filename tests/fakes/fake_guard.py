"""A guard in memory that notes down what it is asked."""

from __future__ import annotations

from flowdrill.engine.facts import GuardTold, Tell
from flowdrill.errors import GuardActsError, GuardError
from flowdrill.model.undo import Undo
from tests.fakes.fake_time import FakeTime


class FakeGuard:
    """The `Guard` port. `asked` has every call, in order; `not_ready` is raised in place of getting ready."""

    def __init__(self, time: FakeTime) -> None:
        self._time = time
        self._tell: Tell = lambda _: None
        self.asked: list[str] = []
        self.undo: Undo | None = None
        self.not_ready: GuardError | None = None
        self.is_there = True
        self.lost: GuardActsError | None = None  # raised when the Lease is renewed for the last time

    def take_over(self) -> None:
        """Tell that it acts."""
        self._tell(GuardTold(self._time.now_ns(), "run-1/guard holds the drill's Lease", acts=True))

    def begin(self, undo: Undo, tell: Tell) -> None:
        self.asked.append("begin")
        self.undo, self._tell = undo, tell

    def keep_lease(self, undo: Undo) -> None:
        assert undo == self.undo
        self.asked.append("keep lease")

    def await_ready(self) -> None:
        self.asked.append("ready")
        if self.not_ready is not None:
            raise self.not_ready

    def await_end(self) -> str:
        self.asked.append("end")
        return "everything is as it was before the drill"

    def stop_renewing(self, undo: Undo) -> None:
        self.asked.append("stop renewing")
        if self.lost is not None:
            raise self.lost

    def dismiss(self) -> None:
        self.asked.append("dismiss")

    def leave_to_it(self) -> str | None:
        self.asked.append("leave")
        return "process 1" if self.is_there else None
