"""Which bad outcomes may be the first and the last of a failure, where nobody knows in which order some of them came.

Outcomes of bins stand for several requests, and were seen by several clocks: each became known between two
instants. The CUSUM of `analysis.outage` is the greatest, over all beginnings s up to t, of what the requests
known in (s, t] add. So it lies between two others at any t, whatever the order was. For the upper one all bad ones in
(s, t] count that can have been known in it, and of the good ones those alone that must have been; for the lower one it
is the other way around. Where the upper one was zero, every one was; and where the lower one was above zero, every one
was. So they bound the outcome with which the sum began to rise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.model.outcome import Outcome

LEVEL = math.log(1e7)  # noise reaches it at most once in 10 million requests of a service that is as in the baseline
_ROUNDING = 1e-9  # a sum that would be zero but for this is


@dataclass(frozen=True, slots=True)
class _Known:
    """An outcome: between when it became known, how many requests it is, and where it stands among all."""

    earliest: int
    latest: int
    requests: int
    bad: bool
    index: int

    def backwards(self) -> _Known:
        """Return the same with time turned around."""
        return _Known(-self.latest, -self.earliest, self.requests, self.bad, self.index)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many requests were known at each of these times, in order: (bad at most, bad at least, good at most, good at
    least)."""

    times: list[int]
    known: list[tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class _Onset:
    """Between what the sum's peak lies, and the first bad outcome of its rise, as an index; `latest` None: it may never
    have risen high enough; `earliest` None: it never has."""

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
    bad = [index for index, one in enumerate(outcomes) if one.bad]
    if not bad:
        return []
    if normal == 0:  # every bad one proves it
        return [(bad[0], bad[-1])]
    known = [
        _Known(one.known_ns - one.before_ns, one.known_ns + one.after_ns, one.requests, one.bad, index)
        for index, one in enumerate(outcomes)
    ]
    steps = [steps_of(q, normal) for q in ALTERNATIVES if q > normal]
    fits = list(zip(_onsets(known, steps), _onsets([one.backwards() for one in reversed(known)], steps), strict=True))
    best = max((forward.least_peak for forward, _ in fits), default=0.0)
    fits = [fit for fit in fits if fit[0].greatest_peak >= best and fit[0].earliest is not None]
    if not fits:
        return []
    firsts, lasts = set(), set()
    for forward, backward in fits:
        firsts |= {bad[0] if forward.earliest is None else forward.earliest}
        firsts |= {bad[-1] if forward.latest is None else forward.latest}
        lasts |= {bad[-1] if backward.earliest is None else backward.earliest}
        lasts |= {bad[0] if backward.latest is None else backward.latest}
    ends = {(first, last) for first in (min(firsts), max(firsts)) for last in (min(lasts), max(lasts)) if first <= last}
    return sorted(ends)


def _onsets(known: Sequence[_Known], steps: Iterable[tuple[float, float]]) -> list[_Onset]:
    counts, bad = _counted(known), [one for one in known if one.bad]
    return [_onset(bad, counts, gain, loss) for gain, loss in steps]


def _counted(known: Iterable[_Known]) -> _Counts:
    came: dict[int, list[int]] = {}
    for one in known:
        most = 0 if one.bad else 2
        came.setdefault(one.earliest, [0, 0, 0, 0])[most] += one.requests
        came.setdefault(one.latest, [0, 0, 0, 0])[most + 1] += one.requests
    times = sorted(came)
    columns = zip(*(came[at_ns] for at_ns in times), strict=True)
    return _Counts(times, list(zip(*map(accumulate, columns), strict=True)))


def _onset(bad: Sequence[_Known], counts: _Counts, gain: float, loss: float) -> _Onset:
    highest = [gain * bad_most + loss * good_least for bad_most, _, _, good_least in counts.known]
    lowest = [gain * bad_least + loss * good_most for _, bad_least, good_most, _ in counts.known]
    upper, lower = _above_least(highest, lowest), _above_least(lowest, highest)
    rises, has_risen = _reached(upper), _reached(lower)
    return _Onset(
        least_peak=max(lower, default=0.0),
        greatest_peak=max(upper, default=0.0),
        earliest=None if rises is None else _earliest(bad, _last_zero(counts.times, upper, rises)),
        latest=None if has_risen is None else _latest(bad, _last_zero(counts.times, lower, has_risen)),
    )


def _above_least(sums: list[float], before: list[float]) -> list[float]:
    """By how much each is above the least of the others before it, or above zero, from which all begin."""
    least = accumulate(before, min, initial=0.0)
    next(least)
    return list(map(sub, sums, least))


def _reached(sums: list[float]) -> int | None:
    return next((at for at, total in enumerate(sums) if total >= LEVEL - _ROUNDING), None)


def _last_zero(times: list[int], sums: list[float], until: int) -> int | None:
    """When a sum was zero last before `until`; None when it never was."""
    return next((times[at] for at in range(until - 1, -1, -1) if sums[at] <= _ROUNDING), None)


def _earliest(bad: Sequence[_Known], zero_ns: int | None) -> int:
    """The first bad outcome that can have come after the upper sum was zero last before it reached its level."""
    return next(one.index for one in bad if zero_ns is None or one.latest > zero_ns)


def _latest(bad: Sequence[_Known], zero_ns: int | None) -> int:
    """The last bad outcome that can have been the first one since the lower sum was zero last."""
    certain = [one.latest for one in bad if zero_ns is None or one.earliest > zero_ns]
    first_ns = min(certain, default=None)
    return [one.index for one in bad if first_ns is None or one.earliest <= first_ns][-1]
