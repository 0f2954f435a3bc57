"""From values to pixels: scales, and where an axis gets its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

_TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values in [low, high] to pixels in [start, end]. Values outside end at the border."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of `value`."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class LogScale:
    """The same over the logarithm; for values above 0."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of `value`."""
        exponents = Scale(math.log10(self.low), math.log10(self.high), self.start, self.end)
        return exponents.at(math.log10(max(value, self.low)))


def count_ticks(high: float, most: int) -> tuple[float, ...]:
    """Return at most `most` + 1 round numbers from 0, the last at or above `high`: 0, 5, 10 …"""
    raw = max(high, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    return tuple(round(step * n, 10) for n in range(math.ceil(high / step - 1e-9) + 1))


def time_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return at most about `most` moments in [low, high] that are whole multiples of a step people count time in."""
    span = high - low
    step = next((step for step in _TIME_STEPS if span / step <= most), span / most)
    first = math.ceil(low / step - 1e-9)
    return tuple(round(step * n, 6) for n in range(first, math.floor(high / step + 1e-9) + 1))


def decades(low: float, high: float) -> tuple[float, ...]:
    """Return powers of ten, the first at or below `low`, the last at or above `high`, at least two."""
    first = math.floor(math.log10(low) + 1e-9)
    last = max(first + 1, math.ceil(math.log10(high) - 1e-9))
    return tuple(10.0**exponent for exponent in range(first, last + 1))


def clock_text(seconds: float, step_under_second: bool = False) -> str:
    """Return a tick's text, minutes and seconds: `1:30`."""
    if step_under_second:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
