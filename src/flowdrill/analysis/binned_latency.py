"""Percentiles, where latencies are counted by slot and bucket. Each is off by `RELATIVE_ERROR` at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from flowdrill.analysis.binned_run import BinnedRun
from flowdrill.analysis.latency_windows import windows_of
from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.percentile import rank_of
from flowdrill.analysis.time_columns import TimeColumn
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.latency_buckets import bucket_at_rank, bucket_bounds, bucket_middle
from flowdrill.model.outcome_bins import BINNED_SLOT_NS
from flowdrill.model.shown import LatencyRow


def percentile_in(counts: Iterable[tuple[int, int]], share: float) -> int | None:
    """Return the percentile of counted buckets, in nanoseconds; None of none."""
    counted = list(counts)
    total = sum(count for _, count in counted)
    bucket = bucket_at_rank(counted, rank_of(share, total)) if total else None
    return None if bucket is None else bucket_middle(bucket)


def binned_lag_p99_ns(run: BinnedRun) -> int | None:
    """Return how late requests left against their schedule: no less than the 99th percentile of those that left."""
    total = sum(count for _, count in run.lags)
    bucket = bucket_at_rank(run.lags, rank_of(0.99, total)) if total else None
    return None if bucket is None else bucket_bounds(bucket)[1]


def binned_sent_within(run: BinnedRun, window: Instant) -> int:
    """Return how many requests left in a window, to within the slots at its ends."""
    middle_ns = run.t0_ns + BINNED_SLOT_NS // 2
    return sum(
        count for slot, count in run.left if window.earliest_ns <= slot * BINNED_SLOT_NS + middle_ns <= window.latest_ns
    )


def binned_latency_windows(run: BinnedRun, timeline: Timeline) -> tuple[LatencyRow, ...]:
    """Return the rows of `latency_windows`. When a request was sent is known to within its slot and bucket."""
    rows = []
    for name, from_ns, until_ns in windows_of(timeline):
        counts: Counter[int] = Counter()
        for slot, bucket, count in run.latencies:
            sent_ns = run.t0_ns + slot * BINNED_SLOT_NS + BINNED_SLOT_NS // 2 - bucket_middle(bucket)
            if (from_ns is None or sent_ns >= from_ns) and (until_ns is None or sent_ns < until_ns):
                counts[bucket] += count
        if counts:
            p50, p90, p95, p99 = (
                ns_to_seconds(percentile_in(counts.items(), share) or 0) for share in (0.5, 0.9, 0.95, 0.99)
            )
            highest = ns_to_seconds(bucket_middle(max(counts)))
            total = counts.total()
            rows.append(LatencyRow(window=name, requests=total, p50=p50, p90=p90, p95=p95, p99=p99, highest=highest))
    return tuple(rows)


def binned_time_columns(run: BinnedRun, start_ns: int, width_ns: int) -> Iterator[TimeColumn]:
    """Yield the columns of `time_columns`: a bin counts where the request lies that stands for it."""
    outcomes = run.known.outcomes
    latencies: dict[int, Counter[int]] = {}
    for slot, bucket, count in run.latencies:
        index = (run.t0_ns + slot * BINNED_SLOT_NS + BINNED_SLOT_NS // 2 - start_ns) // width_ns
        latencies.setdefault(index, Counter())[bucket] += count
    indices = (outcomes.known_ns - start_ns) // width_ns
    for index in np.unique(indices).tolist():
        part = outcomes.slice(int(np.searchsorted(indices, index)), int(np.searchsorted(indices, index, "right")))
        counts = latencies.get(index, Counter()).items()
        by_reason = tuple(part.reason_counts().tolist())
        yield TimeColumn(
            index,
            by_reason,
            latency_p50_ns=percentile_in(counts, 0.5),
            latency_p95_ns=percentile_in(counts, 0.95),
        )
