"""Outages: the true ones, those that somebody has seen, and how far apart their lengths are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrueOutage:
    """From `down_ns` to `up_ns` by the service's own clock. It is the only one between `from_ns` and `until_ns`, which
    are in the middle of the good phases before and after it."""

    from_ns: int
    down_ns: int
    up_ns: int
    until_ns: int

    @property
    def length_ns(self) -> int:
        return self.up_ns - self.down_ns


def true_outages(start_ns: int, flips_ns: Sequence[int], end_ns: int) -> tuple[TrueOutage, ...]:
    """Of a service that was good from `start_ns` on, flipped so often that it was good again, and stayed so until
    `end_ns`."""
    edges = [start_ns, *flips_ns, end_ns]
    return tuple(
        TrueOutage(
            from_ns=(edges[down - 1] + edges[down]) // 2,
            down_ns=edges[down],
            up_ns=edges[down + 1],
            until_ns=(edges[down + 1] + edges[down + 2]) // 2,
        )
        for down in range(1, len(flips_ns), 2)
    )


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the service."""

    at_ns: int
    good: bool


@dataclass(frozen=True, slots=True)
class Downtime:
    """An outage as somebody has seen it."""

    from_ns: int
    until_ns: int


def downtimes(checks: Iterable[Check]) -> tuple[Downtime, ...]:
    """From each first bad check to the first good one after it. Checks a period apart see an outage too long or too
    short by less than a period, on average right: the middles between checks on both sides give the same lengths."""
    found: list[Downtime] = []
    bad_since_ns: int | None = None
    for check in checks:
        if not check.good and bad_since_ns is None:
            bad_since_ns = check.at_ns
        elif check.good and bad_since_ns is not None:
            found.append(Downtime(bad_since_ns, check.at_ns))
            bad_since_ns = None
    return tuple(found)


def seen_ns(outage: TrueOutage, seen: Iterable[Downtime]) -> int:
    """How long somebody saw it: 0 when not at all. Downtime that goes on beyond the outage's neighbourhood, since a
    short good phase was missed, counts for its part in it."""
    return sum(max(0, min(one.until_ns, outage.until_ns) - max(one.from_ns, outage.from_ns)) for one in seen)
