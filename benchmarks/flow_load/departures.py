"""Requests against their schedule: when each was due and when it left, how late that was, and which did not leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.percentile import percentile
from flowdrill.model.outcome import Record, RecordKind
from flowdrill.model.record_columns import record_chunks

_JUST_DUE_NS = 1_000_000_000  # what is due so shortly before a window's end may leave after it: late, not left out


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, CLOCK_MONOTONIC; its end does not belong to it."""

    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Request n is due at start + n / rate, whatever became of those before: what wrk2 sends by and measures from."""

    start_ns: int
    per_second: float

    def due_ns(self, number: int) -> int:
        return self.start_ns + round(number * 1e9 / self.per_second)

    def due_within(self, window: Window) -> int:
        """How many requests are due in a window."""
        return self._due_before(window.until_ns) - self._due_before(window.from_ns)

    def _due_before(self, at_ns: int) -> int:
        return max(0, -int((self.start_ns - at_ns) * self.per_second // 1e9))


@dataclass(frozen=True, slots=True, eq=False)
class Departures:
    """Requests that left: when they were due, and when they left."""

    due_ns: NDArray[np.int64]
    left_ns: NDArray[np.int64]

    def lag_p99_ms(self, window: Window) -> float | None:
        """How late those left that were due in a window, 99th percentile; None when none of them has left."""
        due = self._due_in(window)
        lag_ns = percentile(np.sort(self.left_ns[due] - self.due_ns[due]).tolist(), 0.99)
        return None if lag_ns is None else lag_ns / 1e6

    def lags_p99_ms(self, windows: Iterable[Window]) -> tuple[float, ...]:
        """Those of windows in which any was due that has left."""
        return tuple(lag for window in windows if (lag := self.lag_p99_ms(window)) is not None)

    def left_out(self, schedule: Schedule, window: Window) -> tuple[int, int]:
        """How many of the requests that were due in a window had not left at its end; and how many were due. Not
        those of its last second."""
        due = Window(window.from_ns, window.until_ns - _JUST_DUE_NS)
        gone = np.count_nonzero(self._due_in(due) & (self.left_ns < window.until_ns))
        wanted = schedule.due_within(due)
        return wanted - int(gone), wanted

    def _due_in(self, window: Window) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.due_ns >= window.from_ns) & (self.due_ns < window.until_ns)
        return found


def departures_of(records: Sequence[Record]) -> Departures:
    """Those that the product's records tell of."""
    chunks = list(record_chunks(records))
    sent = np.concatenate([chunk[chunk["kind"] == RecordKind.SENT] for chunk in chunks])
    return Departures(sent["intended_ns"], sent["sent_ns"])
