"""The columns of the report's chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flowdrill.analysis.percentile import percentile
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.result import ChartBin

_MOST_COLUMNS = 200
_WIDTHS_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def chart_bins(outcomes: Sequence[Outcome], clock: RunClock) -> tuple[ChartBin, ...]:
    """Return columns of equal, round width, aligned to the run's start, from the first to the last outcome (which
    are in the order in which they became known); empty columns in between are there too."""
    if not outcomes:
        return ()
    start_ns = clock.start.monotonic_ns
    length_ns = outcomes[-1].known_ns - outcomes[0].known_ns
    width = next((w for w in _WIDTHS_SECONDS if length_ns <= (_MOST_COLUMNS - 1) * seconds_to_ns(w)), 86400.0)
    columns: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        columns.setdefault((outcome.known_ns - start_ns) // seconds_to_ns(width), []).append(outcome)
    return tuple(_bin(index * width, width, columns.get(index, [])) for index in range(min(columns), max(columns) + 1))


def _bin(start: float, seconds: float, outcomes: Sequence[Outcome]) -> ChartBin:
    """One column. A request that passed the latency objective counts with it: the least that its answer took."""
    bad = sum(outcome.bad for outcome in outcomes)
    latencies = sorted(
        o.known_ns - o.sent_ns for o in outcomes if o.http_status is not None or o.reason is Reason.TOO_SLOW
    )
    return ChartBin(
        start=start,
        seconds=seconds,
        good=len(outcomes) - bad,
        bad=bad,
        bad_by_reason=dict(sorted(Counter(o.reason.name.lower() for o in outcomes if o.bad).items())),
        latency_p50_seconds=_seconds(percentile(latencies, 0.5)),
        latency_p95_seconds=_seconds(percentile(latencies, 0.95)),
    )


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns_to_seconds(ns)
