"""Outcomes by columns of time: how many, of what fate, and how long their answers took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from flowdrill.analysis.outcome_columns import Ages, OutcomeColumns, within_64_bits
from flowdrill.analysis.unsorted_percentile import percentiles
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
    index, pieces = 0, list[OutcomeColumns]()
    for part in parts:
        for part_index, piece in _pieces(part, start_ns, width_ns):
            if pieces and part_index != index:
                yield _column(index, pieces)
                pieces = []
            index = part_index
            pieces.append(piece)
    if pieces:
        yield _column(index, pieces)


def _pieces(part: OutcomeColumns, start_ns: int, width_ns: int) -> Iterator[tuple[int, OutcomeColumns]]:
    index = (part.known_ns - within_64_bits(start_ns)) // width_ns
    cuts = np.flatnonzero(index[1:] != index[:-1]) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(part)], strict=True):
        if first < last:
            yield int(index[first]), part.slice(first, last)


def _column(index: int, pieces: list[OutcomeColumns]) -> TimeColumn:
    counts = sum(np.bincount(piece.reason, minlength=len(Reason)) for piece in pieces)
    latencies = [_latencies(piece) for piece in pieces]
    median, high = percentiles(latencies[0] if len(latencies) == 1 else np.concatenate(latencies), 0.5, 0.95)
    return TimeColumn(index, tuple(counts.tolist()), median, high)


def _latencies(piece: OutcomeColumns) -> Ages:
    took = piece.answered | (piece.reason == Reason.TOO_SLOW)
    return piece.age_ns if took.all() else piece.age_ns[took]
