"""What a worker takes with it when it leaves is counted."""

from __future__ import annotations

from flowdrill.analysis.binned_run import binned_run
from flowdrill.analysis.load_by_workers import load_by_workers
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.events import ClockPair
from flowdrill.model.load_frames import Frame, ReportCame, WorkerNews, WorkerTold
from flowdrill.model.outcome_bins import unpack_report
from tests.unit.analysis.binned_load import MS, T0_NS, Clock, Request, frames_of

CLOCK = RunClock(ClockPair(T0_NS, 0))


def not_sent(frames: list[Frame]) -> int:
    run = binned_run(frames)
    assert run is not None
    return load_by_workers(run, CLOCK).requests_not_sent


def test_requests_whose_fate_went_with_a_worker_are_as_if_not_sent() -> None:
    requests = [Request(number * 10 * MS, number * 10 * MS + 700 * MS) for number in range(100)]
    frames = frames_of(requests, [Clock()], rate=1.0)
    cut = next(
        at
        for at, frame in enumerate(frames)
        if isinstance(frame, ReportCame) and unpack_report(frame.report).complete_ns == 1000 * MS
    )
    under_way = unpack_report(frames[cut].report).in_flight  # type: ignore[union-attr]
    assert under_way == 70
    stays = not_sent(frames[: cut + 1])
    left = WorkerTold(1, 0, 1000 * MS, WorkerNews.LEFT)
    assert not_sent([*frames[: cut + 1], left]) == stays + 70
