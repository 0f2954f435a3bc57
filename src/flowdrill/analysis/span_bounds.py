"""Which bad outcomes may be the first and the last of a failure, where outcomes stand for several requests.

Within a bin nobody knows in which order good and bad ones came. The CUSUM of `analysis.outage` over any order lies
between two others: the one for which each bin's good ones came first (it is nowhere lower at a bin's end), and the one
for which the bad ones did. Where the upper one was zero, every one was; and where the lower one cannot have been zero,
none was. So they bound the outcome with which the sum began to rise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.model.outcome import Outcome
from flowdrill.model.outcome_bins import BIN_NS

LEVEL = math.log(1e7)  # noise reaches it at most once in 10 million requests of a service that is as in the baseline


@dataclass(slots=True)
class _Group:
    """Outcomes of which nobody knows the order: how many requests are good and bad, and the ends of the bad ones."""

    good: int = 0
    bad: int = 0
    first_bad: int = -1  # an index
    last_bad: int = -1


@dataclass(frozen=True, slots=True)
class _Onset:
    """Between what the sum's peak lies, and the first bad outcome of its rise; `latest` None: it may never have risen
    high enough; `earliest` None: it never has."""

    least_peak: float
    greatest_peak: float
    earliest: int | None
    latest: int | None


def steps_of(q: float, normal: float) -> tuple[float, float]:
    """Return what a bad outcome adds to the CUSUM of an alternative ratio, and a good one (less than nothing)."""
    gain = math.log(q / normal) if normal > 0 else math.inf  # what never happens by itself proves the failure alone
    return gain, math.log((1 - q) / (1 - normal))


def possible_spans(outcomes: Sequence[Outcome], normal: float) -> list[tuple[int, int]]:
    """Return the indices of the first and the last bad outcome of a failure, at the ends of what is possible; empty
    when there was none. `outcomes` are by when they were known."""
    if normal == 0:  # every bad one proves it
        bad = [index for index, one in enumerate(outcomes) if one.bad]
        return [(bad[0], bad[-1])] if bad else []
    groups = _grouped(outcomes)
    backwards = [_Group(one.good, one.bad, one.last_bad, one.first_bad) for one in reversed(groups)]
    fits = [(_onset(groups, q, normal), _onset(backwards, q, normal)) for q in ALTERNATIVES if q > normal]
    best = max((forward.least_peak for forward, _ in fits), default=0.0)
    fits = [fit for fit in fits if fit[0].greatest_peak >= best and fit[0].earliest is not None]
    if not fits:
        return []
    bad = [index for index, one in enumerate(outcomes) if one.bad]
    firsts, lasts = set(), set()
    for forward, backward in fits:
        firsts |= {forward.earliest or 0, bad[-1] if forward.latest is None else forward.latest}
        lasts |= {bad[-1] if backward.earliest is None else backward.earliest}
        lasts |= {bad[0] if backward.latest is None else backward.latest}
    ends = {(first, last) for first in (min(firsts), max(firsts)) for last in (min(lasts), max(lasts)) if first <= last}
    return sorted(ends)


def _grouped(outcomes: Sequence[Outcome]) -> list[_Group]:
    groups: list[_Group] = []
    number = None
    for index, one in enumerate(outcomes):
        if one.known_ns // BIN_NS != number:
            number = one.known_ns // BIN_NS
            groups.append(_Group())
        group = groups[-1]
        if one.bad:
            group.bad += one.requests
            group.first_bad = index if group.first_bad < 0 else group.first_bad
            group.last_bad = index
        else:
            group.good += one.requests
    return groups


def _onset(groups: Sequence[_Group], q: float, normal: float) -> _Onset:
    gain, loss = steps_of(q, normal)
    upper = lower = least_peak = greatest_peak = 0.0
    upper_zero = lower_zero = 0
    earliest = latest = None
    for index, group in enumerate(groups):
        upper = max(0.0, upper + group.good * loss)
        upper_zero = index if upper == 0 else upper_zero
        upper += group.bad * gain
        greatest_peak = max(greatest_peak, upper)
        if earliest is None and upper >= LEVEL:
            earliest = _first_bad(groups, upper_zero)
        lower_zero = index if lower + group.good * loss <= 0 else lower_zero
        lower = max(0.0, lower + group.bad * gain + group.good * loss)
        least_peak = max(least_peak, lower)
        if latest is None and lower >= LEVEL:
            latest = group.last_bad if lower_zero == index else _first_bad(groups, lower_zero + 1)
    return _Onset(least_peak, greatest_peak, earliest, latest)


def _first_bad(groups: Sequence[_Group], start: int) -> int:
    return next(one.first_bad for one in groups[start:] if one.bad)
