"""A Locust file with nothing but Locust's own means: the same requests at the same instants' distance, judged by status
and text.

Its orders come in environment variables, since Locust starts it:
  PLAIN_URL, PLAIN_PATH, PLAIN_BODY, PLAIN_EXPECT   what is asked, and the text a good answer has
  PLAIN_RATE                                        requests/s of all users together
  PLAIN_CLOSE=1                                     a new connection for each request
  PLAIN_ROWS=FILE, PLAIN_FLUSH=1                    one CSV row a request there; each written at once
"""

from __future__ import annotations

import csv
import itertools
import os
import time
from pathlib import Path

import gevent
from locust import FastHttpUser, events, task

EACH = 10.0  # requests/s of one user: it waits for its answer, which must be there by then
RATE = float(os.environ["PLAIN_RATE"])
PATH, BODY, EXPECT = os.environ["PLAIN_PATH"], os.environ["PLAIN_BODY"].encode(), os.environ["PLAIN_EXPECT"].encode()
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    **({"Connection": "close"} if "PLAIN_CLOSE" in os.environ else {}),
}
NUMBERS, START = itertools.count(), time.monotonic()


class PlainUser(FastHttpUser):
    """One of RATE / EACH, which take turns. With `constant_throughput` all of them send at the same instant, ten times
    a second: that costs half as much, and is another load."""

    host = os.environ["PLAIN_URL"]

    def on_start(self) -> None:
        self._due = START + 1 + next(NUMBERS) / RATE
        gevent.sleep(self._due - time.monotonic())

    def wait_time(self) -> float:
        self._due += 1 / EACH
        return max(0.0, self._due - time.monotonic())

    @task
    def run_flow(self) -> None:
        with self.client.post(PATH, data=BODY, headers=HEADERS, catch_response=True) as answer:
            if answer.status_code >= 400 or EXPECT not in (answer.content or b""):
                answer.failure("not what was expected")


if "PLAIN_ROWS" in os.environ:
    FILE = Path(os.environ["PLAIN_ROWS"]).open("w", newline="", encoding="utf-8")  # noqa: SIM115  (until Locust ends)
    ROWS, FLUSH = csv.writer(FILE), "PLAIN_FLUSH" in os.environ

    @events.request.add_listener
    def write_row(
        request_type: str,
        name: str,
        start_time: float,
        response_time: float,
        response_length: int,
        exception: Exception | None,
        **_: object,
    ) -> None:
        ROWS.writerow((start_time, request_type, name, response_time, response_length, exception))
        if FLUSH:
            FILE.flush()

    @events.quit.add_listener
    def write_the_rest(**_: object) -> None:
        FILE.flush()
