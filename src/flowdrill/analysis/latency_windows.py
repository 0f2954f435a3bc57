"""How long answers took before the break, during the outage, and after the recovery."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.percentile import percentile
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.shown import LatencyRow


def latency_windows(outcomes: Iterable[Outcome], timeline: Timeline) -> tuple[LatencyRow, ...]:
    """Return the percentiles (nearest rank) of each window in which an answer came. A request belongs to the window in
    which it was sent; one that passed the latency objective counts with it, the least that its answer took."""
    broken, impact, recovered = timeline.broken, timeline.impact, timeline.recovered
    before_ns = broken.earliest_ns if broken else None
    latencies: dict[str, list[int]] = {"before the break": [], "during the outage": [], "after the recovery": []}
    for outcome in outcomes:
        if outcome.http_status is None and outcome.reason is not Reason.TOO_SLOW:
            continue
        if before_ns is None or outcome.sent_ns < before_ns:
            window = "before the break"
        elif recovered is not None and outcome.sent_ns >= recovered.latest_ns:
            window = "after the recovery"
        elif impact is not None and outcome.sent_ns >= impact.earliest_ns:
            window = "during the outage"
        else:
            continue
        latencies[window].append(outcome.known_ns - outcome.sent_ns)
    return tuple(_row(window, sorted(took)) for window, took in latencies.items() if took)


def _row(window: str, ascending: list[int]) -> LatencyRow:
    p50, p90, p95, p99 = (ns_to_seconds(percentile(ascending, share) or 0) for share in (0.5, 0.9, 0.95, 0.99))
    return LatencyRow(
        window=window,
        requests=len(ascending),
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        highest=ns_to_seconds(ascending[-1]),
    )
