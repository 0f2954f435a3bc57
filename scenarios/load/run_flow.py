"""The Locust file: sends requests to one flow on a schedule, and tells the harness of each at once.

The harness starts it (`flowdrill run`); its orders come in the environment variable FLOWDRILL_LOAD, see
`flowdrill.model.load_settings`. Once all is loaded, it waits for a byte on its standard input, and only then lets
Locust begin. Request n leaves at t0 + n / rate, whatever became of the earlier ones: what a hung
service does to its users is measured, and no request waits for another (no coordinated omission).

Each request leaves two records (`flowdrill.model.outcome`) in the harness's pipe: SENT when it starts to connect,
FINISHED when its answer is complete or has failed. How it is sent and judged: `sending.py`.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import deque
from pathlib import Path

import gevent
import gevent.event
import gevent.socket
from last_rows import write_last_rows
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser
from sending import EXHAUSTED, Sender, die_of, end_with, give_up, look_through_new_objects_only, read_settings

from flowdrill.model.outcome import RECORD_BYTES, Record


class RecordPipe:
    """Writes records to the harness in order, at once where the pipe takes them, and never blocks the loop."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._backlog: deque[bytes] = deque()

    def write(self, record: Record) -> None:
        """Write a record, or keep it until the harness has read older ones."""
        if self._backlog:
            self._backlog.append(record.pack())
        elif not self._taken(record.pack()):
            self._backlog.append(record.pack())
            gevent.spawn(self._write_backlog).link_exception(die_of)

    def wait_empty(self, timeout_seconds: float) -> None:
        """Return once everything is written, or after the timeout."""
        with gevent.Timeout(timeout_seconds, False):
            while self._backlog:
                gevent.socket.wait_write(self._fd)
                gevent.sleep(0)

    def _taken(self, data: bytes) -> bool:
        try:
            return os.write(self._fd, data) == RECORD_BYTES  # a pipe takes so few bytes all at once or not at all
        except BlockingIOError:
            return False
        except BrokenPipeError:
            os._exit(EXHAUSTED)  # the harness is gone: nobody may be left under load

    def _write_backlog(self) -> None:
        while self._backlog:
            if self._taken(self._backlog[0]):
                self._backlog.popleft()
            else:
                gevent.socket.wait_write(self._fd)


SETTINGS = read_settings()
if SETTINGS.harness_pid is not None:
    end_with(SETTINGS.harness_pid)
PIPE = RecordPipe(SETTINGS.records_fd)
STOPPING = gevent.event.Event()
write_last_rows()


def _keep_sample(line: str) -> None:
    with Path(SETTINGS.samples_path).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


SENDER = Sender(SETTINGS, PIPE.write, _keep_sample)


class RunFlow(FastHttpUser):
    """The one user of a run: its task keeps the schedule."""

    host = SETTINGS.url.rstrip("/")

    @task
    def keep_schedule(self) -> None:
        """Send until told to stop."""
        look_through_new_objects_only()
        start_ns = time.monotonic_ns()
        for sequence in itertools.count():
            due_ns = start_ns + round(sequence * 1e9 / SETTINGS.requests_per_second)
            gevent.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)  # also when late, others get their turn
            while (wait_ns := due_ns - time.monotonic_ns()) > 0:  # a timer may be early
                gevent.sleep(wait_ns / 1e9)
            if STOPPING.is_set():
                raise StopUser
            SENDER.send(self, sequence, due_ns)


@events.user_error.add_listener
def _end_on_error(exception: Exception, **_: object) -> None:
    give_up(f"internal error in the load generator: {exception!r}")


@events.quitting.add_listener
def _finish(environment: Environment, **_: object) -> None:
    """On SIGTERM: no new requests, a little time for those under way, then Locust ends."""
    STOPPING.set()
    SENDER.wait_answers(SETTINGS.stop_grace_seconds)
    PIPE.wait_empty(SETTINGS.stop_grace_seconds)
    environment.process_exit_code = 0  # bad answers are results, not errors


def _await_go() -> None:
    """Return when the harness wants requests, which is later than it starts this process."""
    if not os.read(sys.stdin.fileno(), 1):
        os._exit(EXHAUSTED)  # the harness is gone: nobody may be left under load


_await_go()
