"""What a window of time holds of requests and of bad ones: as counted, and as Prometheus makes it out of scrapes.

Before the first outcome that is there to count, a service had run for long, as it did in its baseline (`Before`): the
window of an hour is not an hour of nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds

_MOST_EXTRAPOLATED = 1.1  # of the distance between samples; Prometheus' own number


@dataclass(frozen=True, slots=True)
class Before:
    """What the service did up to `until_ns`, where the counted outcomes begin: steady traffic, a share of it bad."""

    until_ns: int
    requests_per_second: float = 0.0
    bad_ratio: float = 0.0


class Counter(Protocol):
    """Counts outcomes in the order of time, and says what a window holds of them."""

    def count(self, known_ns: int, *, bad: bool, requests: int = 1) -> None:
        """Count an outcome, not older than the last one and not newer than the next `bad_ratio`."""
        ...

    def bad_ratio(self, at_ns: int, window_ns: int) -> float | None:
        """Return bad / all in (at - window, at], None where nothing can be said. `at_ns` never goes back, and
        `window_ns` is one of those that the counter was made for."""
        ...


class EveryOutcome:
    """Every outcome is seen at once. It is asked at `start_ns` and at multiples of `every_ns` after it: outcomes that
    leave a window between the same two are kept as one. Memory: O(window / every). Time: O(1) an outcome and window."""

    def __init__(self, windows_ns: Sequence[int], before: Before, *, start_ns: int, every_ns: int) -> None:
        self._before = before
        self._start_ns, self._every_ns = start_ns, every_ns
        self._windows = {window: _Window() for window in windows_ns}

    def count(self, known_ns: int, *, bad: bool, requests: int = 1) -> None:
        """Put it into every window."""
        for window_ns, window in self._windows.items():
            window.add(-((self._start_ns - known_ns - window_ns) // self._every_ns), bad=bad, requests=requests)

    def bad_ratio(self, at_ns: int, window_ns: int) -> float | None:
        """Drop what has left the window; the rest, and what went before, gives the ratio."""
        window = self._windows[window_ns]
        window.drop((at_ns - self._start_ns) // self._every_ns)
        earlier_ns = self._before.until_ns - (at_ns - window_ns)
        earlier = max(0, earlier_ns) / NS_PER_SECOND * self._before.requests_per_second
        total = window.total + earlier
        return (window.bad + earlier * self._before.bad_ratio) / total if total else None


class _Window:
    """The outcomes in one window: for each number of the evaluation at which some leave it, how many, and how many of
    them are bad; oldest first."""

    __slots__ = ("_leaving", "bad", "total")

    def __init__(self) -> None:
        self._leaving: deque[list[int]] = deque()
        self.bad = self.total = 0

    def add(self, leaves_at: int, *, bad: bool, requests: int) -> None:
        if not self._leaving or self._leaving[-1][0] != leaves_at:
            self._leaving.append([leaves_at, 0, 0])
        self._leaving[-1][1] += requests
        self._leaving[-1][2] += requests * bad
        self.total += requests
        self.bad += requests * bad

    def drop(self, evaluation: int) -> None:
        while self._leaving and self._leaving[0][0] <= evaluation:
            _, total, bad = self._leaving.popleft()
            self.total -= total
            self.bad -= bad


class Sample(NamedTuple):
    """Two counters at a scrape: all requests since `Before` ended, and bad ones. Negative before that."""

    at_ns: int
    total: float
    bad: float


class Scraped:
    """Outcomes are two counters, seen every `scrape_ns`: at `scrape_at_ns` and at every multiple before and after it.
    Both are there from the start. Memory: the samples of the longest window."""

    def __init__(self, windows_ns: Sequence[int], before: Before, *, scrape_ns: int, scrape_at_ns: int) -> None:
        self._before = before
        self._scrape_ns = scrape_ns
        self._longest_ns = max(windows_ns)
        first = scrape_at_ns + math.ceil((before.until_ns - self._longest_ns - scrape_at_ns) / scrape_ns) * scrape_ns
        self._next_ns = first
        self._total = self._bad = 0
        self._samples: deque[Sample] = deque()

    def count(self, known_ns: int, *, bad: bool, requests: int = 1) -> None:
        """Add it to the counters, after the scrapes before it."""
        self._scrape_until(known_ns - 1)  # a scrape at this very instant sees it
        self._total += requests
        self._bad += requests * bad

    def bad_ratio(self, at_ns: int, window_ns: int) -> float | None:
        """Compute it from the window's first and last sample."""
        self._scrape_until(at_ns)
        if not self._samples:
            return None
        start_ns, oldest_ns = at_ns - window_ns, self._samples[0].at_ns
        first = max(0, (start_ns - oldest_ns) // self._scrape_ns + 1)  # samples are evenly apart
        count = len(self._samples) - first
        if count < 2:
            return None
        ends = SampledWindow(self._samples[first], self._samples[-1], count, start_ns, at_ns)
        return ratio_of_increases(ends, bad_before=self._before.bad_ratio > 0)

    def _scrape_until(self, ns: int) -> None:
        while self._next_ns <= ns:
            earlier_ns = min(0, self._next_ns - self._before.until_ns)
            earlier = earlier_ns / NS_PER_SECOND * self._before.requests_per_second
            self._samples.append(
                Sample(self._next_ns, self._total + earlier, self._bad + earlier * self._before.bad_ratio)
            )
            self._next_ns += self._scrape_ns
            while self._samples[0].at_ns <= self._samples[-1].at_ns - self._longest_ns - self._scrape_ns:
                self._samples.popleft()


@dataclass(frozen=True, slots=True)
class SampledWindow:
    """The samples in (start, end]: the first, the last, and how many there are, two at least."""

    first: Sample
    last: Sample
    count: int
    start_ns: int
    end_ns: int


def ratio_of_increases(window: SampledWindow, *, bad_before: bool) -> float | None:
    """Return `rate(bad[window]) / rate(all[window])` as Prometheus 3 computes it; None when no request lies between the
    samples. `bad_before`: whether the bad counter was far above 0 when the counted outcomes began; if not, it began at
    0, and is not extrapolated to below.

    Both counters are scraped at the same instants, so that the extrapolation to the window's ends cancels out but for
    that. It is computed all the same, in Prometheus' units and order: a ratio of exactly the limit is rounded above it
    at times, and fires then. Source: `extrapolatedRate` in Prometheus' promql/functions.go.
    """
    first, last = window.first, window.last
    total, bad = last.total - first.total, last.bad - first.bad
    if total <= 0:
        return None
    sampled = ns_to_seconds(last.at_ns - first.at_ns)
    length = ns_to_seconds(window.end_ns - window.start_ns)
    apart = sampled / (window.count - 1)
    to_start = _extrapolated(ns_to_seconds(first.at_ns - window.start_ns), apart)
    to_end = _extrapolated(ns_to_seconds(window.end_ns - last.at_ns), apart)
    bad_to_start = to_start
    if bad > 0 and not bad_before:
        bad_to_start = min(to_start, sampled * (first.bad / bad))
    bad_rate = bad * ((sampled + bad_to_start + to_end) / sampled / length)
    return bad_rate / (total * ((sampled + to_start + to_end) / sampled / length))


def _extrapolated(gap_seconds: float, apart_seconds: float) -> float:
    """How far a window's end is believed to look like its samples."""
    return apart_seconds / 2 if gap_seconds >= _MOST_EXTRAPOLATED * apart_seconds else gap_seconds
