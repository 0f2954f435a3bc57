"""The failure in columns of outcomes: what `analysis.outage.failing_window` says of the same ones, number for number.

Nothing here grows with the outcomes but a byte for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.analysis.measure import sought_failure
from flowdrill.analysis.outage import GOOD_BETWEEN_STRETCHES, Failure, Stretch, failing_window
from flowdrill.analysis.outcome_columns import PART, Flags, OutcomeColumns, Reasons, Times, outcomes_in
from flowdrill.analysis.span_bounds import LEVEL, steps_of
from flowdrill.model.instant import NS_PER_SECOND, Instant
from flowdrill.model.run_record import RunRecord

_FEW = 256  # steps of a CUSUM that rises: most fall back by then, and one by one they are faster than an array

Sums: TypeAlias = NDArray[np.float64]


def failure_of_run(record: RunRecord, known: OutcomeColumns) -> Failure | None:
    """Return the failure the break caused, as `measure.failure_of` does."""
    sought = sought_failure(record)
    if sought is None:
        return None
    until = known if sought.until_ns is None else known.until(sought.until_ns)
    if until.requests is not None:
        return failing_window(outcomes_in(until), normal_bad_ratio=sought.normal_bad_ratio, from_ns=sought.from_ns)
    return failure_in(until, normal_bad_ratio=sought.normal_bad_ratio, from_ns=sought.from_ns)


def failure_in(
    known: OutcomeColumns, *, normal_bad_ratio: float, from_ns: int, gap_ns: int = NS_PER_SECOND
) -> Failure | None:
    """Return the failure that began at or after `from_ns`, or None; the arguments are those of `failing_window`."""
    after = known.since(from_ns)
    span = _failing_span(after.bad.tobytes(), normal_bad_ratio)
    if span is None:
        return None
    failing = after.slice(span[0], span[1] + 1)
    stretches = _stretches(failing, gap_ns)
    return Failure(
        impact=_impact(stretches[0], known, from_ns),
        recovered=_recovered(stretches[-1], after),
        stretches=len(stretches),
        bad=failing.bad_count(),
    )


def _failing_span(bad: bytes, normal: float) -> tuple[int, int] | None:
    """Return the indices of the first and the last bad outcome (1, a good one is 0) that belong to the failure."""
    if normal == 0:  # every bad one proves it
        return (bad.find(1), bad.rfind(1)) if 1 in bad else None
    fits = [(_rise(bad, q, normal), q) for q in ALTERNATIVES if q > normal]
    ((_, first), q) = max(fits, key=lambda fit: fit[0][0], default=((0.0, None), 1.0))
    if first is None:
        return None
    _, last = _rise(bad[::-1], q, normal)
    return None if last is None else (first, len(bad) - 1 - last)


def _rise(bad: bytes, q: float, normal: float) -> tuple[float, int | None]:
    """Return the CUSUM's peak, and the first bad outcome after the last zero before it first reached its level. It
    leaves zero with a bad outcome only, and its sums are added one after the other, as in `analysis.outage`."""
    gain, loss = steps_of(q, normal)
    marks, steps = np.frombuffer(bad, np.uint8), np.array([loss, gain])
    peak, onset, at = 0.0, None, bad.find(1)
    while at >= 0:
        start, total, highest = at, 0.0, 0.0
        for is_bad in bad[start : start + _FEW]:
            at += 1
            total += gain if is_bad else loss
            if total <= 0:
                break
            highest = max(highest, total)
        if total > 0:
            at, highest = _long_rise(marks, steps, at, total, highest)
        peak = max(peak, highest)
        onset = start if onset is None and highest >= LEVEL else onset
        at = bad.find(1, at)
    return peak, onset


def _long_rise(marks: Reasons, steps: Sums, at: int, total: float, highest: float) -> tuple[int, float]:
    """Return where the sum, which is `total` before `at`, falls to zero, or the end; and the highest that it was."""
    size = _FEW
    while at < len(marks):
        size = min(2 * size, PART)
        block = steps[marks[at : at + size]]
        block[0] += total
        sums = np.add.accumulate(block)
        fallen = sums <= 0
        length = int(fallen.argmax()) if fallen.any() else len(sums)
        highest = max(highest, float(sums[:length].max(initial=highest)))
        if length < len(sums):
            return at + length + 1, highest
        at, total = at + length, float(sums[-1])
    return at, highest


def _stretches(failing: OutcomeColumns, gap_ns: int) -> list[Stretch]:
    """Return the separate stretches."""
    found: list[Stretch] = []
    good = 0
    for known_ns, sent_ns, bad in _by_sending(failing):
        at = np.flatnonzero(bad)
        if not len(at):
            good += len(bad)
            continue
        good_before = np.diff(at, prepend=-1 - good) - 1
        for enough, this in _candidates(known_ns[at], sent_ns[at], good_before >= GOOD_BETWEEN_STRETCHES):
            first_ns, known_first_ns, stretch = this
            apart = not found or (
                enough
                and first_ns - found[-1].last_sent_ns >= gap_ns
                and known_first_ns - found[-1].last_known_ns >= gap_ns
            )
            if apart:
                found.append(stretch)
            else:
                found[-1].add(stretch)
        good = len(bad) - 1 - int(at[-1])
    return found


def _candidates(known_ns: Times, sent_ns: Times, enough: Flags) -> Iterator[tuple[bool, tuple[int, int, Stretch]]]:
    """Yield bad outcomes that no `enough` good ones part, in the order of their sending: whether enough of them lie
    before, when the first was sent and known, and all of them as a stretch."""
    starts = np.flatnonzero(enough)
    starts = starts if len(starts) and starts[0] == 0 else np.concatenate(([0], starts))
    firsts = np.minimum.reduceat(known_ns, starts)
    lasts = np.maximum.reduceat(known_ns, starts)
    ends = sent_ns[np.append(starts[1:], len(sent_ns)) - 1]
    for start, first, last, end in zip(starts.tolist(), firsts.tolist(), lasts.tolist(), ends.tolist(), strict=True):
        yield bool(enough[start]), (int(sent_ns[start]), int(known_ns[start]), Stretch(first, last, end))


def _by_sending(outcomes: OutcomeColumns) -> Iterator[tuple[Times, Times, Flags]]:
    """Yield when they were known and sent, and which are bad, in the order of their sending, part by part. None is
    older than the oldest: what was sent that long before a part is behind all that follow."""
    greatest_age_ns = max((int(part.age_ns.max()) for part in outcomes.parts()), default=0)
    known_ns, sent_ns, bad = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_)
    for part in outcomes.parts():
        known_ns = np.concatenate((known_ns, part.known_ns))
        sent_ns = np.concatenate((sent_ns, part.sent_ns))
        bad = np.concatenate((bad, part.bad))
        order = np.argsort(sent_ns, kind="stable")
        known_ns, sent_ns, bad = known_ns[order], sent_ns[order], bad[order]
        ready = int(np.searchsorted(sent_ns, int(part.known_ns[-1]) - greatest_age_ns))
        yield known_ns[:ready], sent_ns[:ready], bad[:ready]
        known_ns, sent_ns, bad = known_ns[ready:], sent_ns[ready:], bad[ready:]
    yield known_ns, sent_ns, bad


def _impact(stretch: Stretch, known: OutcomeColumns, from_ns: int) -> Instant:
    """See `analysis.outage`."""
    up_ns = from_ns
    for part in known.until(stretch.up_before_ns).parts():
        good = part.sent_ns[~part.bad]
        up_ns = max(up_ns, int(good.max())) if len(good) else up_ns
    return Instant(up_ns, stretch.first_known_ns)


def _recovered(stretch: Stretch, after: OutcomeColumns) -> Instant | None:
    """See `analysis.outage`; the first that is up is the earliest, as they are in order."""
    for part in after.parts():
        up = (part.reason == 0) & (part.sent_ns >= stretch.up_after_ns)
        if up.any():
            return Instant(stretch.last_sent_ns, int(part.known_ns[up.argmax()]))
    return None
