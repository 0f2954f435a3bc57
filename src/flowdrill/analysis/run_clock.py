"""From the run's monotonic nanoseconds to what people read: seconds since it started, and UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import overload

from flowdrill.errors import RunFolderError
from flowdrill.model.events import ClockPair, RunEnded, RunStarted
from flowdrill.model.instant import NS_PER_SECOND, Instant, Span, ns_to_seconds
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.run_record import RunRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunClock:
    """The run's start on both clocks; every UTC time is the start's plus monotonic time."""

    start: ClockPair

    def seconds(self, at_ns: int) -> float:
        """Return seconds since the run started."""
        return ns_to_seconds(at_ns - self.start.monotonic_ns)

    def utc(self, at_ns: int) -> str:
        """Return ISO 8601 UTC with milliseconds, `2026-01-31T12:00:00.250Z`."""
        return utc_text(self.start.utc_ns + at_ns - self.start.monotonic_ns)

    @overload
    def moment(self, instant: Instant) -> Moment: ...
    @overload
    def moment(self, instant: Instant | None) -> Moment | None: ...
    def moment(self, instant: Instant | None) -> Moment | None:
        """Return an instant as reports have it; None for one that did not happen."""
        if instant is None:
            return None
        return Moment(
            seconds=self.seconds(instant.middle_ns),
            earliest=self.seconds(instant.earliest_ns),
            latest=self.seconds(instant.latest_ns),
            utc=self.utc(instant.middle_ns),
        )

    def told(self, instant: Instant | None) -> Moment | None:
        """Like `moment`, for what a watch told: watches tell changes at once, so the latest bound is the estimate."""
        moment = self.moment(instant)
        if moment is None or instant is None:
            return None
        return moment.model_copy(update={"seconds": moment.latest, "utc": self.utc(instant.latest_ns)})


def run_clock(record: RunRecord) -> RunClock:
    """Return the run's clock; RunFolderError when the record does not begin with the run's start."""
    return RunClock(run_started(record).clock)


def run_started(record: RunRecord) -> RunStarted:
    """Return the run's first event; RunFolderError when it is not there, or its clock shows no time."""
    started = record.first(RunStarted)
    if started is None:
        raise RunFolderError(
            "events.jsonl: there is no `run started` event", "give the folder of a run that flowdrill has made"
        )
    utc_text(started.clock.utc_ns)
    return started


def last_seen_ns(record: RunRecord) -> int:
    """Return when the run's last event was written."""
    return max(event.at_ns for event in record.events)


def clock_step_seconds(record: RunRecord) -> float | None:
    """Return how far UTC moved against the monotonic clock in the run; None when the run was cut off."""
    started, ended = run_started(record), record.first(RunEnded)
    if ended is None:
        return None
    utc_ns = ended.clock.utc_ns - started.clock.utc_ns
    return ns_to_seconds(utc_ns - (ended.clock.monotonic_ns - started.clock.monotonic_ns))


def measure_of(span: Span | None) -> Measure | None:
    """Return a length of time as reports have it."""
    if span is None:
        return None
    return Measure(
        seconds=ns_to_seconds(span.estimate_ns),
        earliest=ns_to_seconds(span.shortest_ns),
        latest=ns_to_seconds(span.longest_ns),
    )


def utc_text(utc_ns: int) -> str:
    """Return ISO 8601 UTC with milliseconds; RunFolderError for what is no time of the years 1 to 9999."""
    seconds, rest_ns = divmod(utc_ns, NS_PER_SECOND)
    try:
        at = _EPOCH + timedelta(seconds=seconds, microseconds=rest_ns // 1000)
    except OverflowError as error:
        raise RunFolderError(
            "events.jsonl: has a time outside of the years 1 to 9999", "restore it from a copy of the run"
        ) from error
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
