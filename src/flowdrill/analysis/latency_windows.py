"""How long answers took before the break, during the outage, and after the recovery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flowdrill.analysis.column_percentiles import percentile_of
from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.outcome_columns import Ages, OutcomeColumns
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.outcome import Reason
from flowdrill.model.shown import LatencyRow


def latency_windows(outcomes: OutcomeColumns, timeline: Timeline) -> tuple[LatencyRow, ...]:
    """Return the percentiles (nearest rank) of each window in which an answer came. A request belongs to the window in
    which it was sent; one that passed the latency objective counts with it, the least that its answer took."""
    rows = (_row(name, _ages(outcomes, from_ns, until_ns)) for name, from_ns, until_ns in windows_of(timeline))
    return tuple(row for row in rows if row is not None)


def windows_of(timeline: Timeline) -> Iterator[tuple[str, int | None, int | None]]:
    """Each window with when it begins and ends; None: nothing bounds it."""
    broken, impact, recovered = timeline.broken, timeline.impact, timeline.recovered
    yield "before the break", None, broken.earliest_ns if broken else None
    if broken is not None and impact is not None:
        begins_ns = max(impact.earliest_ns, broken.earliest_ns)
        yield "during the outage", begins_ns, recovered.latest_ns if recovered else None
    if broken is not None and recovered is not None:
        yield "after the recovery", max(recovered.latest_ns, broken.earliest_ns), None


def _ages(outcomes: OutcomeColumns, from_ns: int | None, until_ns: int | None) -> Ages:
    """How old the requests of a window were when their fate was known, ascending."""
    found = []
    for part in outcomes.parts():
        sent_ns, wanted = part.sent_ns, part.answered | (part.reason == Reason.TOO_SLOW)
        if from_ns is not None:
            wanted &= sent_ns >= from_ns
        if until_ns is not None:
            wanted &= sent_ns < until_ns
        found.append(part.age_ns[wanted])
    ages: Ages = np.concatenate(found) if found else np.empty(0, np.int64)
    ages.sort()
    return ages


def _row(window: str, ascending: Ages) -> LatencyRow | None:
    if not len(ascending):
        return None
    p50, p90, p95, p99 = (ns_to_seconds(percentile_of(ascending, share) or 0) for share in (0.5, 0.9, 0.95, 0.99))
    return LatencyRow(
        window=window,
        requests=len(ascending),
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        highest=ns_to_seconds(int(ascending[-1])),
    )
