"""The outcomes of a run as CSV: a line a request. Nothing but numbers, times and our own words is in it, so that no
cell can be a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from flowdrill.analysis.run_clock import utc_text
from flowdrill.model.events import ClockPair
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Outcome

COLUMNS = (
    "sequence",
    "sent_utc",
    "intended_seconds",
    "sent_seconds",
    "known_seconds",
    "latency_seconds",
    "reason",
    "http_status",
)


def csv_lines(outcomes: Iterable[Outcome], start: ClockPair) -> Iterator[str]:
    """Yield the head and a line an outcome. Seconds count from the run's start and have nine digits, as they were
    measured; `latency_seconds` is known - sent. `http_status` is empty where there was no answer."""
    yield ",".join(COLUMNS) + "\n"
    began_ns = start.monotonic_ns
    for one in outcomes:
        status = "" if one.http_status is None else one.http_status
        yield (
            f"{one.sequence},{_utc(start.utc_ns + one.sent_ns - began_ns)},"
            f"{_seconds(one.intended_ns - began_ns)},{_seconds(one.sent_ns - began_ns)},"
            f"{_seconds(one.known_ns - began_ns)},{_seconds(one.known_ns - one.sent_ns)},"
            f"{one.reason.name.lower()},{status}\n"
        )


def _seconds(ns: int) -> str:
    whole, rest = divmod(abs(ns), NS_PER_SECOND)
    return f"{'-' if ns < 0 else ''}{whole}.{rest:09d}"


def _utc(utc_ns: int) -> str:
    """ISO 8601 with microseconds."""
    whole, rest = divmod(utc_ns, NS_PER_SECOND)
    return f"{_utc_second(whole)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=8)
def _utc_second(seconds: int) -> str:
    return utc_text(seconds * NS_PER_SECOND).partition(".")[0]
