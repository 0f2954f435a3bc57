"""What the records say of the requests that left, whatever became of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowdrill.analysis.column_percentiles import high_percentile
from flowdrill.analysis.outcome_columns import within_64_bits
from flowdrill.model.instant import Instant
from flowdrill.model.outcome import Record, RecordKind
from flowdrill.model.record_columns import record_chunks


def schedule_lag_p99_ns(records: Sequence[Record]) -> int | None:
    """Return how late requests left against their schedule (99th percentile); None when none left."""
    lags = (
        (chunk["sent_ns"] - chunk["intended_ns"])[chunk["kind"] == RecordKind.SENT] for chunk in record_chunks(records)
    )
    count = sum(int(np.count_nonzero(chunk["kind"] == RecordKind.SENT)) for chunk in record_chunks(records))
    return high_percentile(lags, 0.99, count)


def sent_within(records: Sequence[Record], window: Instant) -> int:
    """Return how many requests left in a window."""
    first_ns, last_ns = within_64_bits(window.earliest_ns), within_64_bits(window.latest_ns)
    return sum(
        int(np.count_nonzero((chunk["kind"] == RecordKind.SENT) & (sent_ns >= first_ns) & (sent_ns <= last_ns)))
        for chunk in record_chunks(records)
        for sent_ns in (chunk["sent_ns"],)
    )
