"""Locust's `constant_throughput` at a rate: see `paced_users.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import numpy as np

from flow_load.departures import Departures, Schedule
from flow_load.service import FLOW_PATH

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class PacedLoad:
    """Sends from its beginning to its end; `departures` are there afterwards."""

    def __init__(self, url: str, rate: int, folder: Path, *, users_each: int) -> None:
        """`users_each`: for each request a second."""
        folder.mkdir()
        users = rate * users_each
        lead_ns = 1_000_000_000 + users * 1_000_000  # as long as it takes to make them all
        orders = {"url": url, "path": FLOW_PATH, "per_second": rate, "users": users, "lead_ns": lead_ns}
        self._orders = {**orders, "folder": str(folder)}
        self._rate, self._users, self._folder = rate, users, folder

    def __enter__(self) -> Self:
        file = Path(__file__).with_name("paced_users.py")
        command = [sys.executable, "-m", "locust", "--locustfile", str(file), "--headless", "--only-summary"]
        with (self._folder / "locust.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--users", str(self._users), "--spawn-rate", str(self._users)],
                env={**os.environ, "PACED_USERS": json.dumps(self._orders)},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.schedule = Schedule(self._begins_ns(), self._rate)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _begins_ns(self) -> int:
        begins, deadline = self._folder / "begins", time.monotonic() + _START_SECONDS
        while not begins.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"Locust did not begin:\n{(self._folder / 'locust.log').read_text('utf-8')}")
            time.sleep(0.02)
        return int(begins.read_text("utf-8"))

    @property
    def departures(self) -> Departures:
        numbers, left_ns = np.fromfile(self._folder / "departures", np.int64).reshape(-1, 2).T
        due_ns = [self.schedule.due_ns(number) for number in numbers.tolist()]
        return Departures(np.array(due_ns, np.int64), left_ns)
