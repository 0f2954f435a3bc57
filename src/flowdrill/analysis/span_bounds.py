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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.model.outcome import Outcome

LEVEL = math.log(1e7)  # noise reaches it at most once in 10 million requests of a service that is as in the baseline
_ROUNDING = 1e-9  # a sum that would be zero but for this is

_Times: TypeAlias = NDArray[np.int64]
_Sums: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Between when each outcome became known, how many requests it is, and which are bad."""

    earliest: _Times
    latest: _Times
    requests: _Times
    bad: NDArray[np.bool_]

    def backwards(self) -> _Known:
        """Return the same with time turned around, and the last of them first."""
        return _Known(-self.latest[::-1], -self.earliest[::-1], self.requests[::-1], self.bad[::-1])


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """At each of these times, in order, how many requests were known: bad and good ones, at most and at least."""

    times: _Times
    bad_most: _Times
    bad_least: _Times
    good_most: _Times
    good_least: _Times


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
    known = _known(outcomes)
    backwards = known.backwards()
    counts, backward_counts = _counted(known), _counted(backwards)
    fits = []
    for q in ALTERNATIVES:
        if q > normal:
            steps = steps_of(q, normal)
            fits.append((_onset(known, counts, steps), _onset(backwards, backward_counts, steps)))
    best = max((forward.least_peak for forward, _ in fits), default=0.0)
    fits = [fit for fit in fits if fit[0].greatest_peak >= best and fit[0].earliest is not None]
    firsts, lasts = set(), set()
    for forward, backward in fits:
        firsts |= {bad[0] if forward.earliest is None else forward.earliest}
        firsts |= {bad[-1] if forward.latest is None else forward.latest}
        lasts |= {bad[-1] if backward.earliest is None else len(known.bad) - 1 - backward.earliest}
        lasts |= {bad[0] if backward.latest is None else len(known.bad) - 1 - backward.latest}
    if not fits:
        return []
    ends = {(first, last) for first in (min(firsts), max(firsts)) for last in (min(lasts), max(lasts)) if first <= last}
    return sorted(ends)


def _known(outcomes: Sequence[Outcome]) -> _Known:
    return _Known(
        np.array([one.known_ns - one.before_ns for one in outcomes], np.int64),
        np.array([one.known_ns + one.after_ns for one in outcomes], np.int64),
        np.array([one.requests for one in outcomes], np.int64),
        np.array([one.bad for one in outcomes], np.bool_),
    )


def _counted(known: _Known) -> _Counts:
    times = np.unique(np.concatenate((known.earliest, known.latest)))

    def by_then(moments: _Times, which: NDArray[np.bool_]) -> _Times:
        came = np.zeros(len(times), np.int64)
        np.add.at(came, np.searchsorted(times, moments[which]), known.requests[which])
        return np.cumsum(came)

    bad, good = known.bad, ~known.bad
    return _Counts(
        times,
        by_then(known.earliest, bad),
        by_then(known.latest, bad),
        by_then(known.earliest, good),
        by_then(known.latest, good),
    )


def _onset(known: _Known, counts: _Counts, steps: tuple[float, float]) -> _Onset:
    gain, loss = steps
    highest, lowest = (
        gain * counts.bad_most + loss * counts.good_least,
        gain * counts.bad_least + loss * counts.good_most,
    )
    upper = highest - np.minimum.accumulate(np.minimum(lowest, 0.0))
    lower = lowest - np.minimum.accumulate(np.minimum(highest, 0.0))
    return _Onset(
        least_peak=max(0.0, float(lower.max())),
        greatest_peak=max(0.0, float(upper.max())),
        earliest=_earliest(known, counts.times, upper),
        latest=_latest(known, counts.times, lower),
    )


def _earliest(known: _Known, times: _Times, upper: _Sums) -> int | None:
    """The first bad outcome that can have come after the upper sum was zero last before it reached its level."""
    zero = _last_zero(upper)
    if zero is None:
        return None
    after = known.bad if zero < 0 else known.bad & (known.latest > times[zero])
    return int(np.flatnonzero(after)[0])


def _latest(known: _Known, times: _Times, lower: _Sums) -> int | None:
    """The last bad outcome that can have been the first one since then, of the lower sum."""
    zero = _last_zero(lower)
    if zero is None:
        return None
    certain = known.bad if zero < 0 else known.bad & (known.earliest > times[zero])
    first_ns = known.latest[certain].min(initial=times[-1])
    return int(np.flatnonzero(known.bad & (known.earliest <= first_ns))[-1])


def _last_zero(sums: _Sums) -> int | None:
    """Return where a sum was zero last before it first reached its level, -1 when it never was; None when it never
    reached it."""
    reached = sums >= LEVEL - _ROUNDING
    if not reached.any():
        return None
    zeros = np.flatnonzero(sums[: int(reached.argmax())] <= _ROUNDING)
    return int(zeros[-1]) if len(zeros) else -1
