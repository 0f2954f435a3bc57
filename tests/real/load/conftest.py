"""The small server, and Locust sending to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.load.locust_load import LocustLoad
from flowdrill.edges.runfolder.outcome_file import read_outcomes
from flowdrill.engine.facts import Fact, RecordsArrived
from flowdrill.engine.ports import Load
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.outcome import Reason, Record, RecordKind

LOCUST_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow.py"
API_KEY = "a-key-nobody-may-read"


class FlowServer:
    """The small server's process; see flow_server.py for its commands."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("flow_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = f"http://127.0.0.1:{self._answer()['port']}"

    def command(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> dict[str, Any]:
        self.command(line)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        return dict(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.communicate()


class HeardLoad:
    """A load with everything it has told."""

    def __init__(self, load: Load, folder: Path) -> None:
        self.load = load
        self.folder = folder
        self.facts: list[Fact] = []
        self._inbox = QueueInbox()

    def start(self) -> None:
        self.load.start(self._inbox.tell)

    def until(self, seen: Callable[[Self], bool], limit_seconds: float = 60) -> None:
        """Take facts in until `seen` holds."""
        deadline_ns = time.monotonic_ns() + seconds_to_ns(limit_seconds)
        while not seen(self):
            fact = self._inbox.next(deadline_ns)
            assert fact is not None, f"nothing more came; {len(self.facts)} facts so far"
            self._take(fact)

    def stop(self) -> None:
        self.load.stop()
        while fact := self._inbox.next(0):
            self._take(fact)

    def _take(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._look_at(fact)

    def _look_at(self, fact: Fact) -> None:
        raise NotImplementedError


class RunningLoad(HeardLoad):
    """A LocustLoad with everything it has told."""

    def __init__(self, load: LocustLoad, folder: Path) -> None:
        super().__init__(load, folder)
        self.records: list[Record] = []
        self.sent: list[Record] = []
        self.finished: list[Record] = []

    def _look_at(self, fact: Fact) -> None:
        for record in fact.records if isinstance(fact, RecordsArrived) else ():
            self.records.append(record)
            (self.sent if record.kind is RecordKind.SENT else self.finished).append(record)

    def count(self, reason: Reason) -> int:
        return sum(record.reason is reason for record in self.finished)

    @property
    def recorded(self) -> tuple[Record, ...]:
        return read_outcomes(self.folder / "outcomes.bin").records


@pytest.fixture
def flow_server() -> Iterator[FlowServer]:
    server = FlowServer()
    yield server
    server.close()


@pytest.fixture
def new_load(tmp_path: Path) -> Iterator[Callable[..., RunningLoad]]:
    """Make a load on `url`; further plan keys as in a drill file."""
    made: list[RunningLoad] = []

    def make(url: str, rate: float, locust_file: Path = LOCUST_FILE, **plan: object) -> RunningLoad:
        keys = {"url": url, "route": "lfx-run", "flow": "echo", "expect": "v1", "requests_per_second": rate, **plan}
        environ = {**os.environ, "FLOW_KEY": API_KEY, "BAD_KEY": API_KEY + "\n"}
        load = LocustLoad(
            LoadPlan.model_validate_json(json.dumps(keys)),
            environ=environ,
            folder=tmp_path,
            locust_file=locust_file,
            clock=MonotonicClock(),
        )
        made.append(RunningLoad(load, tmp_path))
        return made[-1]

    yield make
    for running in made:
        running.stop()
