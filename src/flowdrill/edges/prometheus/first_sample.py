"""When a PromQL began to hold: found by asking Prometheus for the past, each time more finely."""

from __future__ import annotations

from collections.abc import Mapping

from flowdrill.analysis.alert_labels import bears
from flowdrill.edges.prometheus.prometheus_api import PrometheusApi

_POINTS = 240  # evaluations in one question
_FINE_MS = 5


def first_sample_ms(
    api: PrometheusApi, query: str, wanted: Mapping[str, str], start_ms: int, end_ms: int
) -> tuple[int, int] | None:
    """Return (last instant at which `query` did not hold, first at which it did), in UTC milliseconds of the server's
    clock, of the stretch that holds at `end_ms`, or at the last instant before it at which it holds. None when it does
    not hold since `start_ms`, or does all the time: then nobody knows when it began. At a query's evaluation counts
    what was scraped up to then, so it is a scrape that lies between the two. AlertSourceError comes through."""
    last, first, narrowed = start_ms, end_ms, False
    while last < first:
        step = max(1, -(-(first - last) // _POINTS))
        began = _began(api, query, wanted, first - step * ((first - last) // step), first, step)
        if began is None or (began - step < last and not narrowed):
            return None
        last, first, narrowed = max(last, began - step), began, True
        if first - last <= _FINE_MS or step == 1:
            break
    return (last, first) if narrowed else None


def _began(
    api: PrometheusApi, query: str, wanted: Mapping[str, str], start_ms: int, end_ms: int, step_ms: int
) -> int | None:
    """The first instant of the last stretch of instants, each a step after the other, at which the query holds."""
    seen = sorted(
        {at for one in api.over(query, start_ms, end_ms, step_ms) if bears(one.labels, wanted) for at in one.at_ms},
        reverse=True,
    )
    if not seen:
        return None
    began = seen[0]
    for at in seen[1:]:
        if began - at > step_ms * 1.5:
            break
        began = at
    return began
