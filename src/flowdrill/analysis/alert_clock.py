"""What another host's time stamps are on this host's monotonic clock: an interval, from questions and answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from flowdrill.model.instant import Instant

MILLISECOND_NS = 1_000_000  # servers' stamps are cut to whole milliseconds
_KEPT = 60  # readings
_DRIFT = 2e-4  # by how much two clocks may come apart: 200 ppm, more than any that is not defective


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A server was asked for its time: it read its clock between the question and the answer."""

    sent_ns: int
    received_ns: int
    server_ns: int  # UTC nanoseconds, cut to milliseconds

    @property
    def least_ns(self) -> int:
        """The least that monotonic - server can be."""
        return self.sent_ns - self.server_ns - MILLISECOND_NS

    @property
    def most_ns(self) -> int:
        """The most that monotonic - server can be."""
        return self.received_ns - self.server_ns


class ServerClock:
    """The offset of one server's clock, as tight as the recent readings leave it."""

    def __init__(self) -> None:
        self._readings: deque[ClockReading] = deque(maxlen=_KEPT)

    def take(self, reading: ClockReading) -> None:
        """Count a reading. When it contradicts what was read before, one of the clocks was set: then only it counts."""
        known = self._bounds(reading.received_ns)
        if known is not None and (known[0] > reading.most_ns or known[1] < reading.least_ns):
            self._readings.clear()
        self._readings.append(reading)

    def here(self, server_ns: int) -> Instant | None:
        """Return when a server's stamp was, by this host's clock; None before the first reading."""
        if not self._readings:
            return None
        bounds = self._bounds(self._readings[-1].received_ns)
        if bounds is None:
            return None
        return Instant(server_ns + bounds[0], server_ns + MILLISECOND_NS + bounds[1])

    def server_ms(self, here_ns: int) -> int | None:
        """Return what the server's clock showed, or shows, at an instant of this host's, in UTC milliseconds."""
        bounds = self._bounds(here_ns)
        return None if bounds is None else (here_ns - (bounds[0] + bounds[1]) // 2) // MILLISECOND_NS

    def _bounds(self, now_ns: int) -> tuple[int, int] | None:
        """The tightest reading, with what the clocks may have drifted since."""
        best: tuple[int, int] | None = None
        for one in tuple(self._readings):  # another thread may ask while readings come
            drift_ns = round(abs(now_ns - one.received_ns) * _DRIFT)
            least, most = one.least_ns - drift_ns, one.most_ns + drift_ns
            if best is None or most - least < best[1] - best[0]:
                best = (least, most)
        return best


def agreed(stamps: Sequence[Instant | None], polled: Instant) -> Instant:
    """Return the first of the `stamps` that agrees with what polling saw, cut to it; else what polling saw."""
    for stamp in stamps:
        if stamp is None:
            continue
        earliest, latest = max(stamp.earliest_ns, polled.earliest_ns), min(stamp.latest_ns, polled.latest_ns)
        if earliest <= latest:
            return Instant(earliest, latest)
    return polled
