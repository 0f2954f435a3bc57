"""Who looks around for a limit, in memory: what is seen is scheduled."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.engine.facts import AroundSeen, Fact, LookTold, OutsideAlertsSeen, Tell
from flowdrill.model.around import Surrounding
from flowdrill.model.limits_plan import LimitName
from tests.fakes.fake_time import FakeTime


class FakeLook:
    """The `Source` port over FakeTime. Sees `first` at once; with a `problem` it sees nothing at first."""

    def __init__(self, time: FakeTime, limit: LimitName, *first: Surrounding, problem: str | None = None) -> None:
        self._time, self._limit, self._first, self._problem = time, limit, first, problem
        self._tell: Tell | None = None

    @property
    def watching(self) -> bool:
        return self._tell is not None

    def start_watching(self, tell: Tell) -> None:
        self._tell = tell
        for what in self._first:
            self.sees(what)
        self._now(lambda now_ns: LookTold(now_ns, self._limit, self._problem))

    def stop_watching(self) -> None:
        self._tell = None

    def sees(self, what: Surrounding, after_seconds: float = 0.0) -> None:
        """Have something be seen, so many seconds from now."""
        self._later(after_seconds, lambda now_ns: AroundSeen(now_ns, what))

    def fires(self, *alerts: str, after_seconds: float = 0.0, took_seconds: float = 0.0) -> None:
        """Have these alerts fire and no others; it takes so long until that is answered."""
        took_ns = round(took_seconds * 1e9)
        self._later(after_seconds, lambda now_ns: OutsideAlertsSeen(now_ns, now_ns - took_ns, frozenset(alerts)))

    def goes(self, problem: str | None, after_seconds: float = 0.0) -> None:
        """Have what it looks at be out of sight, or in sight again (None)."""
        self._later(after_seconds, lambda now_ns: LookTold(now_ns, self._limit, problem))

    def _later(self, after_seconds: float, fact: Callable[[int], Fact]) -> None:
        self._time.after(after_seconds, lambda: self._now(fact))

    def _now(self, fact: Callable[[int], Fact]) -> None:
        if self._tell is not None:
            self._tell(fact(self._time.now_ns()))
