"""A load of some workers whose clocks differ, as frames: from requests whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowdrill.analysis.binning import Binner
from flowdrill.model.load_frames import ClockTold, Frame, Hello, ReportCame, WorkerNews, WorkerTold
from flowdrill.model.outcome import Reason, Record, RecordKind
from flowdrill.model.outcome_bins import BINNED_SLOT_NS

T0_NS = 7_000_000_000  # of the harness's clock
MS = 1_000_000


@dataclass(frozen=True)
class Clock:
    """A worker's clock is behind stream time by `behind_ns`, and is known to be so by something in these bounds."""

    behind_ns: int = 0
    earliest_ns: int = 0
    latest_ns: int = 0


@dataclass(frozen=True)
class Request:
    """In stream time."""

    sent_ns: int
    finished_ns: int
    reason: Reason = Reason.GOOD


def records_of(requests: Sequence[Request]) -> list[Record]:
    """Both records of each request, in the order of time."""
    moments = []
    for number, one in enumerate(requests):
        sent = Record(RecordKind.SENT, Reason.GOOD, 0, number, one.sent_ns, one.sent_ns, 0)
        finished = replace(
            sent, kind=RecordKind.FINISHED, reason=one.reason, http_status=200, finished_ns=one.finished_ns
        )
        moments += [(one.sent_ns, 0, sent), (one.finished_ns, 1, finished)]
    return [record for _, _, record in sorted(moments, key=lambda moment: moment[:2])]


def frames_of(
    requests: Sequence[Request],
    clocks: Sequence[Clock],
    objective_ns: int = 2_000 * MS,
    rate: float = 100.0,
    harness: Clock = Clock(),
) -> list[Frame]:
    """Request n is of worker n modulo their number; each reports at the end of its slots."""
    frames: list[Frame] = [
        Hello(T0_NS, len(clocks), rate, objective_ns),
        ClockTold(0, 0, 0, harness.earliest_ns, harness.latest_ns),
    ]
    told: list[tuple[int, int, Frame]] = []
    for index, clock in enumerate(clocks):
        worker = index + 1
        frames += [
            WorkerTold(worker, 0xFFFF, 0, WorkerNews.JOINED, f"host-{worker}"),
            ClockTold(worker, 0, 0, clock.earliest_ns, clock.latest_ns),
            WorkerTold(worker, index, 0, WorkerNews.TOOK_SHARE),
        ]
        told += reports_of(requests[index :: len(clocks)], worker, clock, objective_ns)
    return frames + [frame for _, _, frame in sorted(told, key=lambda one: one[:2])]


def reports_of(
    requests: Sequence[Request], worker: int, clock: Clock, objective_ns: int
) -> list[tuple[int, int, Frame]]:
    """(when, worker, report) of all slots up to when every fate is known."""
    binner, waiting = Binner(objective_ns), records_of(requests)
    last_ns = max((one.finished_ns for one in requests), default=0)
    found: list[tuple[int, int, Frame]] = []
    end_ns = BINNED_SLOT_NS
    while end_ns <= last_ns + 2 * BINNED_SLOT_NS:
        while waiting and max(waiting[0].sent_ns, waiting[0].finished_ns) < end_ns:
            binner.take(_by(clock, waiting.pop(0)))
        report = binner.report(end_ns - clock.behind_ns, 0)
        found.append((end_ns, worker, ReportCame(worker, report.pack())))
        end_ns += BINNED_SLOT_NS
    return found


def _by(clock: Clock, record: Record) -> Record:
    off_ns = clock.behind_ns
    return replace(
        record,
        intended_ns=record.intended_ns - off_ns,
        sent_ns=record.sent_ns - off_ns,
        finished_ns=record.finished_ns - off_ns if record.finished_ns else 0,
    )
