"""The harness's side of bins: takes the frames of a stream in order, and gives outcomes in this host's time.

Live and from a file it is the same: what a report says of a run is what the run itself knew. Each instant is moved by
what its worker's clock may be off, so that a request only claims what it shows: it left at the earliest, and its fate
was known at the latest, that the clocks allow. Bins of all workers are then merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flowdrill.analysis.clock_bounds import ClockBounds
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.load_frames import (
    MOST_WORKERS,
    NO_SHARE,
    ClockTold,
    Frame,
    Hello,
    ReportCame,
    WorkerNews,
    WorkerTold,
)
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.outcome_bins import BIN_NS, WorkerReport, unpack_report

SILENT_NS = NS_PER_SECOND  # a worker that reports nothing for so long is not waited for
_REASONS = tuple(Reason)


@dataclass(slots=True)
class Worker:
    """What is known of one worker. Times in stream time."""

    number: int
    name: str = ""
    share: int = NO_SHARE
    late: bool = False
    left_ns: int | None = None
    clock: ClockBounds = field(default_factory=ClockBounds)
    widest_ns: int = 0  # how wide the bounds of its clock were at their widest
    reports: int = 0  # that counted
    next_number: int = 0
    lost: int = 0  # reports that never came
    repeated: int = 0  # that came once more, and were left out
    damaged: int = 0  # that are none
    unplaced: int = 0  # that came before its clock was compared, and do not count
    due: int = 0
    sent: int = 0
    in_flight: int = 0
    complete_ns: int = 0
    arrived_ns: int = 0  # when its last report was read, by the harness's clock
    silent: bool = False

    @property
    def sends(self) -> bool:
        """Whether its reports are waited for."""
        return self.share != NO_SHARE and self.left_ns is None

    @property
    def lacking(self) -> int:
        """How many reports say nothing that counts."""
        return self.lost + self.damaged + self.unplaced


class BinStream:
    """What a stream of frames adds up to."""

    def __init__(self) -> None:
        self.hello: Hello | None = None
        self.workers: dict[int, Worker] = {}
        self.harness = ClockBounds()
        self._pending: dict[tuple[int, int], list[int]] = {}  # of a bin: all that `Bin` has beside its key

    def take(self, frame: Frame, arrived_ns: int = 0) -> WorkerReport | None:
        """Take in a frame that was read at `arrived_ns`; return the report in it, in stream time, if it counts.
        ValueError when the stream says what cannot be."""
        match frame:
            case Hello():
                if self.hello is not None:
                    raise ValueError("a stream that begins twice")
                self.hello = frame
            case WorkerTold():
                self._tell(frame, arrived_ns)
            case ClockTold(worker=0):
                self.harness.add(frame)
            case ClockTold():
                self._worker(frame.worker).clock.add(frame)
            case ReportCame():
                return self._report(frame, arrived_ns)
        return None

    def harness_ns(self, stream_ns: int) -> int | None:
        """Return an instant of the stream by the harness's clock, to within its bounds; None while that is unknown."""
        newest = self.harness.newest
        if self.hello is None or newest is None:
            return None
        return self.hello.t0_ns + newest.offset_ns + stream_ns

    def complete_ns(self, now_ns: int) -> int:
        """Return up to when, in stream time, everything is known at `now_ns` that will be waited for."""
        waited = [one.complete_ns for one in self.workers.values() if one.sends and not self._is_silent(one, now_ns)]
        return min(waited) if waited else max((one.complete_ns for one in self.workers.values()), default=0)

    def silence(self, now_ns: int) -> Iterator[Worker]:
        """Yield the workers that have just fallen silent, or speak again."""
        for one in self.workers.values():
            if one.silent != (one.sends and self._is_silent(one, now_ns)):
                one.silent = not one.silent
                yield one

    def known(self, complete_ns: int | None) -> list[Outcome]:
        """Return, once each, the outcomes known before `complete_ns` in stream time (None: all), by when they were
        known. One that becomes known to the harness later than that is returned by a later call."""
        last = None if complete_ns is None else complete_ns // BIN_NS
        keys = [key for key in self._pending if last is None or key[0] < last]
        found = [outcome for key in keys for outcome in _outcomes(key, self._pending.pop(key))]
        found.sort(key=lambda one: (one.known_ns, one.bad))
        return found

    def _is_silent(self, worker: Worker, now_ns: int) -> bool:
        return now_ns - worker.arrived_ns > SILENT_NS

    def _worker(self, number: int) -> Worker:
        if number not in self.workers and len(self.workers) >= MOST_WORKERS:
            raise ValueError(f"more than {MOST_WORKERS} workers")
        return self.workers.setdefault(number, Worker(number))

    def _tell(self, told: WorkerTold, arrived_ns: int) -> None:
        worker = self._worker(told.worker)
        match told.news:
            case WorkerNews.JOINED | WorkerNews.JOINED_LATE:
                worker.name, worker.late = told.text[:200], told.news is WorkerNews.JOINED_LATE
            case WorkerNews.TOOK_SHARE:
                worker.share, worker.left_ns, worker.arrived_ns = told.share, None, arrived_ns
                worker.complete_ns = max(worker.complete_ns, told.at_ns)
            case WorkerNews.LEFT:
                worker.left_ns = told.at_ns
            case WorkerNews.DAMAGED:
                worker.damaged += 1

    def _report(self, came: ReportCame, arrived_ns: int) -> WorkerReport | None:
        worker = self._worker(came.worker)
        try:
            report = unpack_report(came.report)
        except ValueError:
            worker.damaged += 1
            return None
        if report.number < worker.next_number:
            worker.repeated += 1
            return None
        worker.lost += report.number - worker.next_number
        worker.next_number = report.number + 1
        worker.due, worker.sent, worker.in_flight = report.due, report.sent, report.in_flight
        worker.complete_ns, worker.arrived_ns = max(worker.complete_ns, report.complete_ns), arrived_ns
        base_ns = self.harness_ns(0)
        if base_ns is None or worker.clock.newest is None:
            worker.unplaced += 1
            return None
        worker.reports += 1
        low, high = self._off_by(worker, report.complete_ns)
        self._count(report, base_ns + low, base_ns + high)
        return report

    def _off_by(self, worker: Worker, at_ns: int) -> tuple[int, int]:
        """By how much an instant of a worker's may differ from the harness's clock."""
        (low, high), (ours_low, ours_high) = worker.clock.at(at_ns), self.harness.at(at_ns)
        worker.widest_ns = max(worker.widest_ns, high - low + ours_high - ours_low)
        return low + ours_low, high + ours_high

    def _count(self, report: WorkerReport, low_ns: int, high_ns: int) -> None:
        """Merge its bins into those of others (`model.outcome_bins.merged`), in place: a thousand times a second."""
        pending = self._pending
        for told in report.bins:
            newest_sent, newest_known = told[3] + low_ns, told[4] + high_ns
            first_sent, first_known = told[5] + low_ns, told[6] + high_ns
            key = told[:2]
            one = pending.get(key)
            if one is None:
                pending[key] = [told[2], newest_sent, newest_known, first_sent, first_known]
                continue
            one[0] += told[2]
            if newest_sent > one[1] or (newest_sent == one[1] and newest_known < one[2]):
                one[1], one[2] = newest_sent, newest_known
            if first_known < one[4] or (first_known == one[4] and first_sent > one[3]):
                one[3], one[4] = first_sent, first_known


def _outcomes(key: tuple[int, int], one: list[int]) -> tuple[Outcome, ...]:
    """The outcomes that stand for a bin. Of good ones the newest shows all that the others do."""
    (number, value), (count, newest_sent, newest_known, first_sent, first_known) = key, one
    reason = _REASONS[value]
    same = first_known == newest_known and first_sent == newest_sent
    if same or count == 1 or reason is Reason.GOOD:
        return (Outcome(number, newest_sent, newest_sent, newest_known, reason, None, count),)
    return (
        Outcome(number, first_sent, first_sent, first_known, reason, None, count - 1),
        Outcome(number, newest_sent, newest_sent, newest_known, reason, None, 1),
    )
