"""Locust in a process of its own, in each of the ways that are compared, and what it cost in a window of time.

Each has a service of its own, which knows when a request arrived.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flow_load.recorded_load import load_of, plan_of
from flow_load.service import FlowService
from proof.processes import children_of

from flowdrill.analysis.answers import request_for
from flowdrill.engine.facts import Fact, RecordsArrived
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.outcome import Reason, RecordKind

PLAIN_USER = Path(__file__).with_name("plain_user.py")
KEPT = 1_000_000  # requests that one connection serves
USER_RATE = 10.0  # requests/s of one plain user: `plain_user.EACH`
STOP_SECONDS = 20.0
UNDER_WAY = 20  # requests whose answer was not there when Locust was told to stop, at most


class Way(Enum):
    """How Locust's requests are watched."""

    OURS = "ours"
    PLAIN = "plain"
    HISTORY = "--csv --csv-full-history"
    ROWS = "a CSV row a request, when its buffer is full"
    ROWS_AT_ONCE = "a CSV row a request, at once"


@dataclass(frozen=True, slots=True)
class Running:
    """A Locust under load. `watched`: of how many requests its watcher has told, called once it has ended; None where
    it keeps no account of single requests."""

    way: Way
    pid: int
    service: FlowService
    watched: Callable[[], int] | None

    def cpu_ns(self) -> int:
        """The time it had of a processor until now; exact, of all its threads: what clock_getcpuclockid() names."""
        return time.clock_gettime_ns(~self.pid << 3 | 2)


@contextmanager
def running(way: Way, rate: float, *, kept: bool, folder: Path) -> Iterator[Running]:
    """Such a Locust with its server; it has sent something when this is entered, and has ended well afterwards."""
    folder.mkdir()
    with FlowService() as service:
        plan = plan_of(service.url, rate, requests_per_connection=KEPT if kept else 1)
        with _ours(plan, service, folder) if way is Way.OURS else _plain(way, plan, service, folder) as started:
            yield started
        if started.watched is not None:
            told, arrived = started.watched(), len(service.arrived_ns())
            assert arrived - UNDER_WAY <= told <= arrived, f"{way.value}: told of {told} requests of {arrived}"


@contextmanager
def _ours(plan: LoadPlan, service: FlowService, folder: Path) -> Iterator[Running]:
    """As `flowdrill run` starts it, and reads what it tells."""
    finished: list[Reason] = []

    def tell(fact: Fact) -> None:
        assert isinstance(fact, RecordsArrived), fact
        finished.extend(one.reason for one in fact.records if one.kind is RecordKind.FINISHED)

    load = load_of(plan, folder)
    before = children_of(os.getpid())
    load.start(tell)
    try:
        (pid,) = children_of(os.getpid()) - before
        yield Running(Way.OURS, pid, service, lambda: len(finished))
    finally:
        load.stop()
    assert set(finished) == {Reason.GOOD}, set(finished)


@contextmanager
def _plain(way: Way, plan: LoadPlan, service: FlowService, folder: Path) -> Iterator[Running]:
    asked, rows = request_for(plan.route, plan.flow, plan.input), folder / "rows.csv"
    orders = {
        "PLAIN_URL": plan.url, "PLAIN_PATH": asked.path, "PLAIN_BODY": asked.body.decode(), "PLAIN_EXPECT": plan.expect,
        "PLAIN_RATE": str(plan.requests_per_second),
        **({} if plan.requests_per_connection == KEPT else {"PLAIN_CLOSE": "1"}),
        **({"PLAIN_ROWS": str(rows)} if way in {Way.ROWS, Way.ROWS_AT_ONCE} else {}),
        **({"PLAIN_FLUSH": "1"} if way is Way.ROWS_AT_ONCE else {}),
    }  # fmt: skip
    users = str(round(plan.requests_per_second / USER_RATE))
    command = [sys.executable, "-m", "locust", "--locustfile", PLAIN_USER, "--headless", "--only-summary"]
    history = ["--csv", folder / "locust", "--csv-full-history"] if way is Way.HISTORY else []
    with (folder / "locust.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--users", users, "--spawn-rate", users, *history],
            env={**os.environ, **orders}, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield Running(way, process.pid, service, (lambda: _rows(rows)) if "PLAIN_ROWS" in orders else None)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        finally:
            process.kill()  # nothing of one that has ended
    assert code == 0, f"{way.value}: exit code {code}, a request failed: {(folder / 'locust.log').read_text()}"


def _rows(path: Path) -> int:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert not any(exception for *_, exception in rows), rows
    return len(rows)
