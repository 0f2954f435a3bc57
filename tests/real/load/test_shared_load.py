"""FrameLoad with the real Locust: a master and three workers on this machine, against a small server on loopback."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowdrill.analysis.bin_stream import BinStream
from flowdrill.analysis.binned_run import BinnedRun, binned_run
from flowdrill.analysis.outage import FailingWindow, failing_window
from flowdrill.analysis.outcome_columns import outcomes_in
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.frame_load import FrameLoad
from flowdrill.edges.load.local_master import LocalMaster
from flowdrill.edges.runfolder.bins_file import read_bins
from flowdrill.engine.facts import Fact, FramesArrived, LoadDied
from flowdrill.errors import LoadError
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.load_frames import ClockTold, Frame, MasterEnded, WorkerNews, WorkerTold
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.outcome import Reason
from tests.real.load.conftest import HeardLoad

API_KEY = "a-key-nobody-may-read"
LOCUST_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow_shared.py"
RATE = 60


class SharedLoad(HeardLoad):
    """A FrameLoad with everything it has told."""

    def __init__(self, plan: dict[str, object], folder: Path, locust_file: Path) -> None:
        clock = MonotonicClock()
        self.source = LocalMaster(
            LoadPlan.model_validate_json(json.dumps(plan)),
            environ={**os.environ, "FLOW_KEY": API_KEY},
            folder=folder,
            locust_file=locust_file,
            clock=clock,
        )
        self.frames: list[Frame] = []
        self.stream = BinStream()
        super().__init__(FrameLoad(self.source, folder=folder, clock=clock, secrets=(API_KEY,)), folder)

    def _look_at(self, fact: Fact) -> None:
        for frame in fact.frames if isinstance(fact, FramesArrived) else ():
            self.frames.append(frame)
            self.stream.take(frame)

    def sent(self, worker: int | None = None) -> int:
        """How many requests one worker says to have sent, or all."""
        return sum(one.sent for one in self.stream.workers.values() if worker in (None, one.number))

    def news(self, kind: WorkerNews) -> list[WorkerTold]:
        return [frame for frame in self.frames if isinstance(frame, WorkerTold) and frame.news is kind]

    @property
    def run(self) -> BinnedRun:
        read = read_bins(self.folder / "outcomes.bins")
        assert not read.torn
        assert tuple(read.frames) == tuple(self.frames)
        found = binned_run(read.frames)
        assert found is not None
        return found

    @property
    def failure(self) -> FailingWindow | None:
        run = self.run
        return failing_window(outcomes_in(run.known.outcomes), normal_bad_ratio=0.0, from_ns=run.t0_ns)


@pytest.fixture
def shared_load(flow_server, tmp_path: Path) -> Iterator[Callable[..., SharedLoad]]:
    made: list[SharedLoad] = []

    def make(locust_file: Path = LOCUST_FILE, **plan: object) -> SharedLoad:
        keys = {"url": flow_server.url, "route": "lfx-run", "flow": "echo", "expect": "v1", "timeout": "9s"}
        keys |= {"requests_per_second": RATE, "workers": 3, "latency_objective": "5s", "api_key_from": "FLOW_KEY"}
        made.append(SharedLoad({**keys, **plan}, tmp_path, locust_file))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.parametrize("locust_file", [LOCUST_FILE, Path(__file__).with_name("shifted_worker.py")])
def test_three_workers_send_one_schedule_and_their_bins_hold_the_truth(flow_server, shared_load, locust_file) -> None:
    load = shared_load(locust_file)
    load.start()
    load.until(lambda _: load.sent() >= 60)
    truth = flow_server.ask(f"flip {RATE} 2 1.5")
    load.until(lambda _: load.sent() >= 60 + 6 * RATE)
    load.stop()

    run, failure = load.run, load.failure
    assert [one.share for one in run.workers] == [0, 1, 2]
    assert sorted(one.lacking + one.repeated for one in run.workers) == [0, 0, 0]
    assert run.not_sent <= 0.01 * run.sent
    assert run.known.outcomes.total() + run.known.unanswered == run.sent
    assert run.sent == len(flow_server.ask("report")["connection_of"])
    sent = [one.sent for one in run.workers]
    assert max(sent) - min(sent) <= 5
    assert max(one.widest_ns for one in run.workers) < seconds_to_ns(0.5)
    behind = 3.0 if locust_file != LOCUST_FILE else 0.0
    for one in run.workers:
        assert one.clock.newest is not None
        assert one.clock.newest.utc_ahead_ns == pytest.approx(-seconds_to_ns(behind), abs=seconds_to_ns(0.5))
        assert one.clock.newest.offset_ns == pytest.approx(seconds_to_ns(behind), abs=seconds_to_ns(0.5))
    down_ns, up_ns = truth["flips_ns"]
    assert failure is not None
    assert failure.impact.earliest_ns <= down_ns <= failure.impact.latest_ns
    assert failure.recovered is not None
    assert failure.recovered.earliest_ns <= up_ns <= failure.recovered.latest_ns
    assert not any(isinstance(fact, LoadDied) for fact in load.facts)
    assert any(isinstance(frame, MasterEnded) for frame in load.frames)
    assert any(isinstance(frame, ClockTold) and frame.worker == 0 for frame in load.frames)
    assert API_KEY not in (load.folder / "load" / "bad-answers.jsonl").read_text()


def test_what_a_worker_that_dies_does_not_send_is_counted_and_one_that_joins_late_goes_on(shared_load) -> None:
    load = shared_load()
    load.start()
    load.until(lambda _: load.sent() >= 60)
    os.kill(load.source.workers[1].pid, signal.SIGKILL)
    load.until(lambda _: bool(load.news(WorkerNews.LEFT)))
    load.source.start_another()
    load.until(lambda _: bool(load.news(WorkerNews.JOINED_LATE)) and len(load.news(WorkerNews.TOOK_SHARE)) == 4)
    (late,) = load.news(WorkerNews.JOINED_LATE)
    load.until(lambda _: load.sent(late.worker) > 20)
    load.stop()

    run = load.run
    (left,) = [one for one in run.workers if one.left_ns is not None]
    (joined,) = [one for one in run.workers if one.late]
    assert joined.share == left.share
    assert run.not_sent > 0.5 * RATE  # a third of it, for the seconds that nobody had its share
    assert run.known.outcomes.reason_counts()[Reason.GOOD] == run.known.outcomes.total()
    assert not any(isinstance(fact, LoadDied) for fact in load.facts)


def test_a_worker_that_hangs_is_heard_of_and_goes_on_with_its_share(shared_load) -> None:
    load = shared_load()
    load.start()
    load.until(lambda _: load.sent() >= 60)
    os.kill(load.source.workers[0].pid, signal.SIGSTOP)
    load.until(lambda _: bool(load.news(WorkerNews.LEFT)))
    os.kill(load.source.workers[0].pid, signal.SIGCONT)
    load.until(lambda _: len(load.news(WorkerNews.TOOK_SHARE)) == 4)
    sent = load.sent()
    load.until(lambda _: load.sent() >= sent + RATE)
    load.stop()
    assert load.run.not_sent > 0.5 * RATE  # a third of it, for seconds: what was due meanwhile is not sent all at once
    assert not load.run.workers[load.news(WorkerNews.LEFT)[0].worker - 1].late


def test_a_master_that_dies_ends_the_load(shared_load) -> None:
    load = shared_load()
    load.start()
    assert load.source.master is not None
    os.kill(load.source.master.pid, signal.SIGKILL)
    load.until(lambda _: any(isinstance(fact, LoadDied) for fact in load.facts))
    load.stop()
    assert all(worker.poll() is not None for worker in load.source.workers)


def test_workers_that_cannot_begin_are_an_error_with_their_words(shared_load, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import sys\nif '--worker' in sys.argv:\n    sys.exit('no worker here')\nfrom locust import User\n"
    )
    load = shared_load(broken)
    load.load._start_seconds = 20.0
    with pytest.raises(LoadError, match="no worker here"):
        load.start()
