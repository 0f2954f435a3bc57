"""Outcomes by columns of time: how many, of what fate, and how long their answers took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flowdrill.analysis.column_percentiles import percentile_of
from flowdrill.analysis.outcome_columns import Ages, OutcomeColumns, Reasons, within_64_bits
from flowdrill.model.outcome import Reason


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The outcomes that became known in one column: the `index`th of its width since the start. `by_reason` is counted
    by the values of Reason. A request that passed the latency objective counts with it: the least that its answer
    took; None: no answer came at all."""

    index: int
    by_reason: tuple[int, ...]
    latency_p50_ns: int | None
    latency_p95_ns: int | None

    @property
    def good(self) -> int:
        """How many were good."""
        return self.by_reason[Reason.GOOD]

    @property
    def bad(self) -> int:
        """How many were not."""
        return sum(self.by_reason) - self.good


def time_columns(parts: Iterable[OutcomeColumns], start_ns: int, width_ns: int) -> Iterator[TimeColumn]:
    """Yield the columns in which something became known, in order; `parts` are in order, and one after the other."""
    open_: _Open | None = None
    for part in parts:
        for index, reasons, latencies in _pieces(part, within_64_bits(start_ns), width_ns):
            if open_ is not None and open_.index != index:
                yield open_.column()
                open_ = None
            open_ = open_ or _Open(index, [], [])
            open_.reasons.append(reasons)
            open_.latencies.append(latencies)
    if open_ is not None:
        yield open_.column()


@dataclass(frozen=True, slots=True)
class _Open:
    """A column that is not over yet: it may go on in the next part."""

    index: int
    reasons: list[Reasons]
    latencies: list[Ages]

    def column(self) -> TimeColumn:
        whole = len(self.reasons) == 1
        reasons = self.reasons[0] if whole else np.concatenate(self.reasons)
        latencies = np.sort(self.latencies[0] if whole else np.concatenate(self.latencies))
        return TimeColumn(
            self.index,
            tuple(np.bincount(reasons, minlength=len(Reason)).tolist()),
            latency_p50_ns=percentile_of(latencies, 0.5),
            latency_p95_ns=percentile_of(latencies, 0.95),
        )


def _pieces(part: OutcomeColumns, start_ns: np.int64, width_ns: int) -> Iterator[tuple[int, Reasons, Ages]]:
    """Yield each column's share of a part: its index, the reasons, and how long answers took."""
    index = (part.known_ns - start_ns) // width_ns
    took = part.answered | (part.reason == Reason.TOO_SLOW)
    all_took = bool(took.all())
    cuts = [0, *(np.flatnonzero(index[1:] != index[:-1]) + 1).tolist(), len(part)]
    for first, last in pairwise(cuts):
        if first < last:
            ages = part.age_ns[first:last]
            yield int(index[first]), part.reason[first:last], ages if all_took else ages[took[first:last]]
