"""What is known of the difference between two clocks, from comparing them again and again.

Whoever asks notes its own clock before and after; the other's answer was given in between. So the difference is an
interval, however slow or crooked the way was. It widens with the time since: the kernel steers a clock by 500 ppm at
most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from flowdrill.model.load_frames import ClockTold

DRIFT = 2000  # a clock may be off by 1 ns more in so many
_SAMPLES = 32  # looked at: older ones have widened


def offset_bounds(asked_ns: int, answer_ns: int, heard_ns: int) -> tuple[int, int]:
    """Return the bounds of (the other clock - one's own)."""
    return answer_ns - heard_ns, answer_ns - asked_ns


class ClockBounds:
    """What is left of a clock's difference beside its constant offset."""

    def __init__(self) -> None:
        self._samples: deque[ClockTold] = deque(maxlen=_SAMPLES)
        self._tightest: tuple[ClockTold, ...] = ()  # whose bounds are the bounds from `_since_ns` on
        self._since_ns = 0
        self.drifts = False  # whether it is another clock at all: bounds without any width are of one and the same
        self.contradicts = False  # two measurements that cannot both be true of one steady clock: one has jumped

    @property
    def newest(self) -> ClockTold | None:
        """What was measured last, None before."""
        return self._samples[-1] if self._samples else None

    def add(self, told: ClockTold) -> None:
        """Take a measurement; ValueError when it counts from another offset than those before."""
        if self._samples and told.offset_ns != self._samples[-1].offset_ns:
            raise ValueError("a clock's offset that is another one than before")
        self._samples.append(told)
        drifting = [one for one in self._samples if one.earliest_ns < one.latest_ns]
        steady = [one for one in self._samples if one.earliest_ns >= one.latest_ns]
        # All that drift widen alike from the newest on, so which of them is the tightest does not change any more.
        self._tightest = (
            *_two(drifting, lambda one: (one.earliest_ns * DRIFT + one.at_ns, one.latest_ns * DRIFT - one.at_ns)),
            *_two(steady, lambda one: (one.earliest_ns, one.latest_ns)),
        )
        self._since_ns = max(one.at_ns for one in self._samples)
        self.drifts = bool(drifting)

    def at(self, at_ns: int) -> tuple[int, int]:
        """Return between what the difference was at `at_ns`. What contradicts itself gives the widest bounds of all.
        ValueError when nothing was measured."""
        if not self._samples:
            raise ValueError("a clock that was never compared")
        looked_at = self._tightest if at_ns >= self._since_ns else self._samples
        widened = [_widened(one, at_ns) for one in looked_at]
        earliest, latest = max(low for low, _ in widened), min(high for _, high in widened)
        if earliest <= latest:
            return earliest, latest
        self.contradicts = True
        widened = [_widened(one, at_ns) for one in self._samples]
        return min(low for low, _ in widened), max(high for _, high in widened)


def _two(samples: list[ClockTold], bounds: Callable[[ClockTold], tuple[int, int]]) -> Iterator[ClockTold]:
    """The samples with the greatest lower and the least upper of the bounds."""
    if samples:
        yield max(samples, key=lambda one: bounds(one)[0])
        yield min(samples, key=lambda one: bounds(one)[1])


def _widened(told: ClockTold, at_ns: int) -> tuple[int, int]:
    """Bounds without any width are of one and the same clock, which does not drift from itself."""
    drift_ns = abs(at_ns - told.at_ns) // DRIFT if told.earliest_ns < told.latest_ns else 0
    return told.earliest_ns - drift_ns, told.latest_ns + drift_ns
