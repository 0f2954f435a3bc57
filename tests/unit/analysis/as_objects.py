"""What reports say of outcomes, computed from one object a request: what the columns are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from flowdrill.analysis.outcomes import KnownOutcomes
from flowdrill.analysis.percentile import percentile
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Outcome, Reason, Record, RecordKind
from flowdrill.model.record_columns import RECORD_DTYPE, RecordChunk, StoredRecords

Column = tuple[int, tuple[int, ...], int | None, int | None]


class SmallChunks(StoredRecords):
    """Records that come a few at a time."""

    def __init__(self, records: Sequence[Record], size: int) -> None:
        self._records, self._size = tuple(records), size

    def __len__(self) -> int:
        return len(self._records)

    def chunk(self, start: int, count: int) -> RecordChunk:
        packed = b"".join(record.pack() for record in self._records[start : start + count])
        return np.frombuffer(packed, RECORD_DTYPE)

    def chunks(self) -> Iterator[RecordChunk]:
        for start in range(0, len(self), self._size):
            yield self.chunk(start, min(self._size, len(self) - start))


def columns_in_time(outcomes: Sequence[Outcome], start_ns: int, width_ns: int) -> list[Column]:
    columns: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        columns.setdefault((outcome.known_ns - start_ns) // width_ns, []).append(outcome)
    return [(index, _by_reason(some), *_latencies(some)) for index, some in sorted(columns.items())]


def _by_reason(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    return tuple(sum(outcome.reason is reason for outcome in outcomes) for reason in Reason)


def _latencies(outcomes: Sequence[Outcome]) -> tuple[int | None, int | None]:
    took = sorted(o.known_ns - o.sent_ns for o in outcomes if o.http_status is not None or o.reason is Reason.TOO_SLOW)
    return percentile(took, 0.5), percentile(took, 0.95)


def schedule_lag_p99_ns(records: Sequence[Record]) -> int | None:
    return percentile(sorted(r.sent_ns - r.intended_ns for r in records if r.kind is RecordKind.SENT), 0.99)


def bad_seconds(known: KnownOutcomes, start_ns: int) -> int:
    return len({int((outcome.known_ns - start_ns) / NS_PER_SECOND) for outcome in known.outcomes if outcome.bad})
