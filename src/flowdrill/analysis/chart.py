"""The columns of the report's chart."""

from __future__ import annotations

from flowdrill.analysis.binned_latency import binned_time_columns
from flowdrill.analysis.binned_run import BinnedRun
from flowdrill.analysis.outcome_columns import OutcomeColumns
from flowdrill.analysis.run_clock import RunClock
from flowdrill.analysis.time_columns import TimeColumn, time_columns
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Reason
from flowdrill.model.result import ChartBin

_MOST_COLUMNS = 200
_LEAST_REQUESTS = 5  # in a column, as long as that leaves it short
_WIDEST_FOR_FEW_SECONDS = 1.0
_WIDTHS_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def chart_bins(
    outcomes: OutcomeColumns, clock: RunClock, requests_per_second: float, bins: BinnedRun | None = None
) -> tuple[ChartBin, ...]:
    """Return columns of equal, round width, aligned to the run's start, from the first to the last outcome; empty
    columns in between are there too. A column has room for some requests, so that a steady load looks steady. `bins`:
    what the outcomes come from, where workers sent the load."""
    if not len(outcomes):
        return ()
    length_ns = int(outcomes.known_ns[-1]) - int(outcomes.known_ns[0])
    least = min(_LEAST_REQUESTS / requests_per_second, _WIDEST_FOR_FEW_SECONDS)
    fits = (w for w in _WIDTHS_SECONDS if w >= least and length_ns <= (_MOST_COLUMNS - 1) * seconds_to_ns(w))
    width = next(fits, 86400.0)
    start_ns, width_ns = clock.start.monotonic_ns, seconds_to_ns(width)
    found = (
        time_columns(outcomes.parts(), start_ns, width_ns)
        if bins is None
        else binned_time_columns(bins, start_ns, width_ns)
    )
    seen = list(found)
    columns = {column.index: column for column in seen}
    every = range(seen[0].index, seen[-1].index + 1)
    return tuple(_bin(index * width, width, columns.get(index)) for index in every)


def _bin(start: float, seconds: float, column: TimeColumn | None) -> ChartBin:
    return ChartBin(
        start=start,
        seconds=seconds,
        good=column.good if column else 0,
        bad=column.bad if column else 0,
        bad_by_reason=_bad_by_reason(column),
        latency_p50_seconds=_seconds(column.latency_p50_ns if column else None),
        latency_p95_seconds=_seconds(column.latency_p95_ns if column else None),
    )


def _bad_by_reason(column: TimeColumn | None) -> dict[str, int]:
    counts = enumerate(column.by_reason) if column else ()
    return {Reason(value).name.lower(): count for value, count in counts if count and value != Reason.GOOD}


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns_to_seconds(ns)
