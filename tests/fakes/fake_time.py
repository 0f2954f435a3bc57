"""Time that passes only when somebody waits: a clock, and an inbox whose facts come from a schedule."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from flowdrill.engine.facts import Fact
from flowdrill.model.events import ClockPair

UTC_START_NS = 1_800_000_000 * 1_000_000_000


class FakeTime:
    """The `Clock` and `Inbox` ports. Waiting runs what is due, in order; nothing else lets time pass."""

    def __init__(self, start_ns: int = 1_000_000_000_000) -> None:
        self._start_ns = start_ns
        self._now_ns = start_ns
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._facts: deque[Fact] = deque()
        self._number = count()
        self.utc_set_by_seconds = 0.0  # how far somebody has moved this host's UTC clock

    def now_ns(self) -> int:
        return self._now_ns

    def pair(self) -> ClockPair:
        return ClockPair(monotonic_ns=self._now_ns, utc_ns=self._utc_ns())

    def _utc_ns(self) -> int:
        return UTC_START_NS + self._now_ns - self._start_ns + round(self.utc_set_by_seconds * 1e9)

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass as a slow call would."""
        self._now_ns += round(seconds * 1e9)

    def at(self, at_ns: int, call: Callable[[], None]) -> None:
        """Run `call` when time has reached `at_ns`."""
        heapq.heappush(self._due, (at_ns, next(self._number), call))

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self._now_ns + round(seconds * 1e9), call)

    def tell(self, fact: Fact) -> None:
        self._facts.append(fact)

    def next(self, deadline_ns: int) -> Fact | None:
        while not self._facts and self._due and self._due[0][0] <= max(deadline_ns, self._now_ns):
            at_ns, _, call = heapq.heappop(self._due)
            self._now_ns = max(self._now_ns, at_ns)
            call()
        if self._facts:
            return self._facts.popleft()
        self._now_ns = max(self._now_ns, deadline_ns)
        return None
