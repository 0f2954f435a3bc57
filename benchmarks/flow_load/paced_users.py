"""A Locust file with nothing but Locust's own means to keep a rate: users with `constant_throughput`.

With ten users for each request a second, each sends one every ten seconds, as in Locust's own example ("500 task
iterations per second … constant_throughput(0.1) with 5000 users"). They begin one after the other, as evenly as the
rate is: user u's request n is number u + n · users of a schedule without bursts. Locust alone would have all users of
a second send at once.

It is told what to do in PACED_USERS (see `paced_load.py`), writes when the schedule begins to `begins`, and at its end
each request's number and instant to `departures`.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from array import array
from pathlib import Path

import gevent
from locust import FastHttpUser, constant_throughput, events, task

ORDERS = json.loads(os.environ["PACED_USERS"])
FOLDER, RATE, USERS = Path(ORDERS["folder"]), ORDERS["per_second"], ORDERS["users"]
NUMBERS = itertools.count()
DEPARTURES = array("q")
BEGINS_NS: list[int] = []


def begins_ns() -> int:
    """When the schedule begins: told once, when the first user asks and none has been held up."""
    if not BEGINS_NS:
        BEGINS_NS.append(time.monotonic_ns() + ORDERS["lead_ns"])
        (FOLDER / "begins.part").write_text(str(BEGINS_NS[0]))
        (FOLDER / "begins.part").rename(FOLDER / "begins")
    return BEGINS_NS[0]


class PacedUser(FastHttpUser):
    """One of many."""

    host = ORDERS["url"]
    wait_time = constant_throughput(RATE / USERS)

    def on_start(self) -> None:
        self.number = next(NUMBERS)
        first_ns = begins_ns() + self.number * 1e9 / RATE
        gevent.sleep(max(0.0, (first_ns - time.monotonic_ns()) / 1e9))
        self._cp_last_run = time.perf_counter()  # the pace counts from the first request, not from the user's making

    @task
    def ask(self) -> None:
        DEPARTURES.extend((self.number, time.monotonic_ns()))
        self.number += USERS
        self.client.post(ORDERS["path"], json={"input_value": "hello"})


@events.quitting.add_listener
def _keep(**_: object) -> None:
    with (FOLDER / "departures").open("wb") as file:
        DEPARTURES.tofile(file)
