"""A recorded run whose load was sent by workers: all that their bins say of its requests."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from flowdrill.analysis.bin_stream import BinStream, Worker
from flowdrill.analysis.outcome_columns import KnownColumns, OutcomeColumns
from flowdrill.errors import RunFolderError
from flowdrill.model.load_frames import Frame, Hello
from flowdrill.model.outcome import Outcome
from flowdrill.model.outcome_bins import BINNED_SLOT_NS, LatencyCount, WorkerReport

_SLOTS_AT_ONCE = 50  # that are put in order together: what is held beside the columns stays small


@dataclass(frozen=True, slots=True)
class BinnedRun:
    """`known`: each outcome stands for the requests of its bin. The counts are by slots of the stream, whose slot 0
    began at `t0_ns` of this host's clock, and by buckets (`model.latency_buckets`)."""

    hello: Hello
    t0_ns: int
    known: KnownColumns
    latencies: tuple[LatencyCount, ...]  # by slot
    left: tuple[tuple[int, int], ...]  # slot, how many requests left in it; by slot
    lags: tuple[tuple[int, int], ...]
    workers: tuple[Worker, ...]
    complete_ns: int  # up to when, in stream time, somebody told something

    @property
    def sent(self) -> int:
        """How many requests left, as far as it was told."""
        return sum(count for _, count in self.left)

    @property
    def not_sent(self) -> int:
        """How many requests of the schedule nobody says to have sent."""
        return max(0, int(self.complete_ns * self.hello.requests_per_second / 1e9) - self.sent)


class _Columns:
    """Outcomes, as they come in order."""

    def __init__(self) -> None:
        self._known, self._ages, self._reasons, self._requests = array("q"), array("q"), array("B"), array("Q")

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for one in outcomes:
            self._known.append(one.known_ns)
            self._ages.append(one.known_ns - one.sent_ns)
            self._reasons.append(one.reason)
            self._requests.append(one.requests)

    def in_order(self) -> OutcomeColumns:
        """Return them by when they were known."""
        known_ns, reason = np.frombuffer(self._known, np.int64), np.frombuffer(self._reasons, np.uint8)
        order = np.lexsort((reason, known_ns))
        return OutcomeColumns(
            known_ns[order],
            np.frombuffer(self._ages, np.int64)[order],
            reason[order],
            np.zeros(len(order), np.bool_),
            np.frombuffer(self._requests, np.uint64)[order].astype(np.int64),
        )


def binned_run(frames: Iterable[Frame]) -> BinnedRun | None:
    """Return what the frames of a run say, all of which had reached the harness before its end; None when no load had
    begun. RunFolderError when they say what cannot be."""
    stream, columns = BinStream(), _Columns()
    latencies: Counter[tuple[int, int]] = Counter()
    left: Counter[int] = Counter()
    lags: Counter[int] = Counter()
    taken_ns = 0
    for frame in frames:
        try:
            report = stream.take(frame)
        except ValueError as error:
            raise RunFolderError(f"outcomes.bins: {error}", "restore the run folder from a copy") from error
        if report is None:
            continue
        _add(report, latencies, left, lags)
        if report.complete_ns - taken_ns > _SLOTS_AT_ONCE * BINNED_SLOT_NS:
            taken_ns = report.complete_ns
            columns.add(stream.known(taken_ns - BINNED_SLOT_NS))
    columns.add(stream.known(None))
    t0_ns = stream.harness_ns(0)
    if stream.hello is None or t0_ns is None:
        return None
    outcomes = columns.in_order()
    sent = sum(left.values())
    return BinnedRun(
        stream.hello,
        t0_ns,
        KnownColumns(outcomes, max(0, sent - outcomes.total())),
        tuple((slot, bucket, count) for (slot, bucket), count in sorted(latencies.items())),
        tuple(sorted(left.items())),
        tuple(sorted(lags.items())),
        tuple(stream.workers.values()),
        max((one.complete_ns for one in stream.workers.values()), default=0),
    )


def _add(report: WorkerReport, latencies: Counter[tuple[int, int]], left: Counter[int], lags: Counter[int]) -> None:
    for slot, bucket, count in report.latencies:
        latencies[slot, bucket] += count
    for slot, count in report.left:
        left[slot] += count
    for bucket, count in report.lags:
        lags[bucket] += count
