"""What Kubernetes said of the broken release, and how long after the break and the impact."""

from __future__ import annotations

from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.run_clock import RunClock, measure_of
from flowdrill.model.events import SignalSeen
from flowdrill.model.instant import Instant, Span
from flowdrill.model.noticed import Signal
from flowdrill.model.run_record import RunRecord


def signals_of(record: RunRecord, timeline: Timeline, clock: RunClock) -> tuple[Signal, ...]:
    """Return the first signal of each kind, in the order in which they were seen."""
    return tuple(
        Signal(
            kind=event.kind,
            pod=event.pod,
            at=clock.moment(event.instant),
            since_break=measure_of(_since(timeline.broken, event.instant)),
            since_impact=measure_of(_since_if_after(timeline.impact, event.instant)),
            fails=event.kind.is_failure,
            says=event.says,
        )
        for event in record.all_of(SignalSeen)
    )


def _since(start: Instant | None, end: Instant) -> Span | None:
    return None if start is None else start.until(end)


def _since_if_after(start: Instant | None, end: Instant) -> Span | None:
    return None if start is None or end.latest_ns < start.earliest_ns else start.until(end)
