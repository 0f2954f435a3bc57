"""The fakes' schedule in real time: for a drill with fakes that something real looks at."""

from __future__ import annotations

import heapq
import queue
import time
from collections.abc import Callable

from flowdrill.engine.facts import Fact
from flowdrill.model.events import ClockPair
from tests.fakes.fake_time import FakeTime


class PacedTime(FakeTime):
    """The `Clock` and `Inbox` ports, on CLOCK_MONOTONIC. What is due runs in the thread that waits; facts may come from
    any thread."""

    def __init__(self) -> None:
        super().__init__(time.monotonic_ns())
        self._arrived: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def pair(self) -> ClockPair:
        return ClockPair(monotonic_ns=time.monotonic_ns(), utc_ns=time.time_ns())

    def pass_seconds(self, seconds: float) -> None:
        time.sleep(seconds)

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self.at(self.now_ns() + round(seconds * 1e9), call)

    def tell(self, fact: Fact) -> None:
        self._arrived.put(fact)

    def next(self, deadline_ns: int) -> Fact | None:
        while True:
            while self._due and self._due[0][0] <= self.now_ns():
                heapq.heappop(self._due)[2]()
            until_ns = min(deadline_ns, self._due[0][0]) if self._due else deadline_ns
            wait_seconds = (until_ns - self.now_ns()) / 1e9
            try:
                return self._arrived.get(timeout=wait_seconds) if wait_seconds > 0 else self._arrived.get_nowait()
            except queue.Empty:
                if self.now_ns() >= deadline_ns:
                    return None
