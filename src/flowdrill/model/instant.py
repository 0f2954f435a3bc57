"""Instants and the time between them, each an interval: nothing that is measured is known to the nanosecond."""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Instant:
    """Something happened at or after `earliest_ns` and at or before `latest_ns` (CLOCK_MONOTONIC of one host)."""

    earliest_ns: int
    latest_ns: int

    def __post_init__(self) -> None:
        if self.earliest_ns > self.latest_ns:
            raise ValueError(f"an instant cannot end before it begins: [{self.earliest_ns}, {self.latest_ns}]")

    @property
    def middle_ns(self) -> int:
        """The middle of the interval: the estimate with the smallest worst-case error."""
        return (self.earliest_ns + self.latest_ns) // 2

    def until(self, later: Instant) -> Span:
        """Return the time from here to `later`, with the bounds that both intervals leave open."""
        return Span(
            shortest_ns=later.earliest_ns - self.latest_ns,
            estimate_ns=later.middle_ns - self.middle_ns,
            longest_ns=later.latest_ns - self.earliest_ns,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in nanoseconds: at least `shortest_ns`, at most `longest_ns`."""

    shortest_ns: int
    estimate_ns: int
    longest_ns: int


def seconds_to_ns(seconds: float) -> int:
    """Return whole nanoseconds."""
    return round(seconds * NS_PER_SECOND)


def ns_to_seconds(ns: int) -> float:
    """Return seconds as a float, exact to the nanosecond for spans under 104 days."""
    return ns / NS_PER_SECOND
