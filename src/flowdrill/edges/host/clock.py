"""CLOCK_MONOTONIC, and UTC beside it."""

from __future__ import annotations

import time

from flowdrill.model.events import ClockPair


class MonotonicClock:
    """The `Clock` port. Locust's processes read the same clock: on one host it is one for all processes."""

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def pair(self) -> ClockPair:
        """Return one moment on both clocks: the tightest of three tries, so that a pause between two reads does not
        look like a clock step."""
        tries = []
        for _ in range(3):
            before = time.monotonic_ns()
            utc = time.time_ns()
            after = time.monotonic_ns()
            tries.append((after - before, ClockPair(monotonic_ns=(before + after) // 2, utc_ns=utc)))
        return min(tries, key=lambda t: t[0])[1]


class BeatingClock(MonotonicClock):
    """The engine's clock: that it looks at it is its sign of life."""

    def __init__(self) -> None:
        self.beaten_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        self.beaten_ns = time.monotonic_ns()
        return self.beaten_ns
