"""What the workers of a load tell while a run waits: outcomes once they are complete, and what became of workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowdrill.analysis.bin_stream import BinStream, Worker
from flowdrill.analysis.detector import PIPE_GRACE_NS
from flowdrill.errors import LoadError
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.load_frames import NO_SHARE, Frame, WorkerNews, WorkerTold
from flowdrill.model.outcome import Outcome
from flowdrill.model.quantity import format_seconds

_CLOCKS_APART_SECONDS = 1.0  # UTC clocks that differ by so much are worth a word


class WorkersHeard:
    """Empty, and without any effect, where one process sends the load."""

    def __init__(self) -> None:
        self._stream = BinStream()
        self._remarks: list[str] = []
        self._clocks_told: set[int] = set()
        self._lacking: dict[int, int] = {}

    def hear(self, frames: Iterable[Frame], arrived_ns: int) -> None:
        """Take in what has arrived; LoadError when it cannot be understood."""
        for frame in frames:
            try:
                self._stream.take(frame, arrived_ns)
            except ValueError as error:
                raise LoadError(f"Locust's master sent {error}", "see locust.log in the run folder") from error
            if isinstance(frame, WorkerTold):
                self._remarks += filter(None, [self._news(frame)])

    def known(self, now_ns: int) -> list[Outcome]:
        """Return, once each, the outcomes that are complete: every worker that is waited for has told what came before.
        None while no worker is there."""
        return self._stream.known(self._stream.complete_ns(now_ns)) if self._stream.workers else []

    def known_until_ns(self, now_ns: int) -> int:
        """Return up to when a detector may take it that it has seen everything: now, or what workers have told."""
        if not self._stream.workers:
            return now_ns
        complete_ns = self._stream.harness_ns(self._stream.complete_ns(now_ns))
        return now_ns if complete_ns is None else min(now_ns, complete_ns + PIPE_GRACE_NS)

    def remarks(self, now_ns: int) -> Iterator[str]:
        """Yield, once each, what is worth writing down of the workers."""
        yield from self._remarks
        self._remarks.clear()
        for worker in self._stream.silence(now_ns):
            said = "tells nothing: the drill goes on without it" if worker.silent else "tells again"
            yield f"{_named(worker)} {said}"
        for worker in self._stream.workers.values():
            if worker.lacking > self._lacking.get(worker.number, 0):
                if worker.number not in self._lacking:
                    yield f"{_named(worker)}: a report is missing or damaged, and what it held is not counted"
                self._lacking[worker.number] = worker.lacking
            newest = worker.clock.newest
            if newest is not None and worker.number not in self._clocks_told:
                self._clocks_told.add(worker.number)
                ahead = ns_to_seconds(newest.utc_ahead_ns)
                if abs(ahead) > _CLOCKS_APART_SECONDS:
                    yield f"the clock of {_named(worker)} is {ahead:+.3f} s off the master's: that is corrected"

    def _news(self, told: WorkerTold) -> str | None:
        worker = self._stream.workers[told.worker]
        at = format_seconds(ns_to_seconds(max(told.at_ns, 0)))
        match told.news:
            case WorkerNews.JOINED_LATE:
                return f"{_named(worker)} joined late, {at} after the load began"
            case WorkerNews.TOOK_SHARE if worker.late or told.at_ns > 0:
                return f"{_named(worker)} sends share {told.share + 1} of the requests from {at} on"
            case WorkerNews.LEFT:
                share = "" if told.share == NO_SHARE else f": share {told.share + 1} of the requests is not sent"
                return f"{_named(worker)} left {at} after the load began{share}"
            case WorkerNews.DAMAGED:
                return f"{_named(worker)} sent what is no report: {told.text[:200]}"
        return None


def _named(worker: Worker) -> str:
    return f"load worker {worker.number}" + (f" ({worker.name})" if worker.name else "")
