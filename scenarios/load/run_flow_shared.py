"""The Locust file of a load that workers share: a master, which sends nothing, and workers, which keep bins.

The schedule is that of `run_flow.py`, cut into shares: request n of share k of N leaves at t0 + (n * N + k) / rate. A
worker holds one share until it leaves. Its share is then nobody's, and what is not sent of it is counted, until a
worker that joins late takes it. Nobody else's share changes.

Workers compare their clock with the master's before they are given a share, and every second from then on. All messages
are Locust's own; what the master writes to the harness is `flowdrill.model.load_frames`.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections import deque
from dataclasses import replace
from typing import Any

import gevent
import gevent.event
import gevent.socket
from last_rows import write_last_rows
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner
from sending import EXHAUSTED, Sender, die_of, end_with, give_up, look_through_new_objects_only, read_settings

from flowdrill.analysis.binning import Binner
from flowdrill.analysis.clock_bounds import offset_bounds
from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.load_frames import (
    NO_SHARE,
    ClockTold,
    Frame,
    Hello,
    MasterEnded,
    ReportCame,
    SampleCame,
    WorkerNews,
    WorkerTold,
    pack_frame,
)
from flowdrill.model.outcome import Record
from flowdrill.model.outcome_bins import BINNED_SLOT_NS, unpack_report

_PINGS_BEFORE = 10  # of which the narrowest says what is taken for the offset
_PING_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_LEAD_NS = NS_PER_SECOND // 2  # from the last worker's word to t0: all are told by then
_HUNG_NS = 3 * NS_PER_SECOND  # as late as that a worker is missing, and its share may be another's
_MOST_BACKLOG = 64 << 20  # bytes that the harness has not read: it hangs, and nobody may be left under load

SETTINGS = read_settings()
if SETTINGS.workers is None or SETTINGS.latency_objective_seconds is None:
    raise SystemExit("FLOWDRILL_LOAD names no workers: start run_flow.py")
if SETTINGS.harness_pid is not None:
    end_with(SETTINGS.harness_pid)
SHARES = SETTINGS.workers
OBJECTIVE_NS = seconds_to_ns(SETTINGS.latency_objective_seconds)
STOPPING = gevent.event.Event()
write_last_rows()


class RunFlow(FastHttpUser):
    """What Locust counts and spreads over the workers: one for each, which waits. Who sends is `ShareOfLoad`: Locust
    may move users about when a worker goes, and shares must stay where they are."""

    host = SETTINGS.url.rstrip("/")

    @task
    def wait_for_the_end(self) -> None:
        """Stay."""
        STOPPING.wait()
        raise StopUser


class ShareOfLoad:
    """A worker: keeps its share of the schedule and reports bins at the end of each slot."""

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._user = RunFlow(runner.environment)
        self._sender = Sender(SETTINGS, self._count, self._tell_sample)
        self._binner = Binner(OBJECTIVE_NS)
        self._pongs: dict[int, gevent.event.AsyncResult] = {}
        self._offset_ns = 0  # the master's clock - this one's, as taken
        self._t0_ns = 0  # by this clock
        self._share: int | None = None
        self._first = self._next = 0  # requests of the share: from which on it is ours, and which is next
        self._keeper: gevent.Greenlet | None = None
        runner.register_message("flowdrill-pong", self._heard)
        runner.register_message("flowdrill-share", self._take_share)
        runner.register_message("flowdrill-finish", self._finish, concurrent=True)
        gevent.spawn(self._introduce).link_exception(die_of)

    def _introduce(self) -> None:
        while not self._runner.connected:
            gevent.sleep(0.05)
        found = [bounds for bounds in (self._ping() for _ in range(_PINGS_BEFORE)) if bounds is not None]
        if not found:
            give_up("the master does not answer: its clock cannot be compared")
        low, high, _ = min(found, key=lambda one: one[1] - one[0])
        self._offset_ns = (low + high) // 2
        self._tell_clock("flowdrill-hello", min(found, key=lambda one: one[1] - one[0]))
        while not STOPPING.is_set():
            STOPPING.wait(_PING_SECONDS)
            measured = self._ping()
            if measured is not None:
                self._tell_clock("flowdrill-clock", measured)

    def _ping(self) -> tuple[int, int, int] | None:
        """Return the bounds of (master's clock - ours), and our UTC clock less the master's; None without an answer."""
        asked_ns = time.monotonic_ns()
        self._pongs[asked_ns] = gevent.event.AsyncResult()
        self._runner.send_message("flowdrill-ping", {"asked": asked_ns})
        try:
            answer_ns, utc_ns, heard_ns, ours_utc_ns = self._pongs[asked_ns].get(timeout=_ANSWER_SECONDS)
        except gevent.Timeout:
            return None
        finally:
            del self._pongs[asked_ns]
        low, high = offset_bounds(asked_ns, answer_ns, heard_ns)
        return low, high, ours_utc_ns - utc_ns

    def _heard(self, msg: Any, **_: object) -> None:
        now = time.monotonic_ns(), time.time_ns()
        waiting = self._pongs.get(msg.data["asked"])
        if waiting is not None:
            waiting.set((msg.data["now"], msg.data["utc"], *now))

    def _tell_clock(self, kind: str, measured: tuple[int, int, int]) -> None:
        low, high, utc_ahead_ns = measured
        self._runner.send_message(
            kind,
            {
                "name": socket.gethostname(),
                "at": time.monotonic_ns() + self._offset_ns,
                "offset": self._offset_ns,
                "earliest": low - self._offset_ns,
                "latest": high - self._offset_ns,
                "utc": utc_ahead_ns,
            },
        )

    def _take_share(self, msg: Any, **_: object) -> None:
        """Hold a share from now on, or none (-1)."""
        share = msg.data["share"]
        self._t0_ns = msg.data["t0"] - self._offset_ns
        if share < 0:
            self._share = None
        elif share != self._share:
            self._share = share
            self._first = self._next = max(0, math.ceil(self._place_of(self._now_ns())))
        if self._keeper is None:
            look_through_new_objects_only()
            self._keeper = gevent.spawn(self._keep_schedule)
            self._keeper.link_exception(die_of)
            gevent.spawn(self._report_each_slot).link_exception(die_of)

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._t0_ns

    def _place_of(self, stream_ns: int) -> float:
        """Which request of the share is due then."""
        return (stream_ns * SETTINGS.requests_per_second / 1e9 - (self._share or 0)) / SHARES

    def _keep_schedule(self) -> None:
        while not STOPPING.is_set():
            gevent.sleep(0)  # also when late, requests under way get their turn
            if self._share is None:
                STOPPING.wait(0.05)
                continue
            number = self._next * SHARES + self._share
            due_ns = round(number * 1e9 / SETTINGS.requests_per_second)
            wait_ns = due_ns - self._now_ns()
            if wait_ns > 0:
                STOPPING.wait(min(wait_ns / 1e9, 0.05))
                continue
            if -wait_ns > _HUNG_NS:  # not sent, and counted as such: all at once would be a load that nobody asked for
                self._next = max(self._next + 1, math.ceil(self._place_of(self._now_ns())))
                continue
            self._next += 1
            self._sender.send(self._user, number % 2**32, due_ns)

    def _count(self, record: Record) -> None:
        self._binner.take(
            replace(
                record,
                sent_ns=record.sent_ns - self._t0_ns,
                finished_ns=record.finished_ns - self._t0_ns if record.finished_ns else 0,
            )
        )

    def _tell_sample(self, line: str) -> None:
        self._runner.send_message("flowdrill-sample", {"line": line})

    def _report_each_slot(self) -> None:
        while not STOPPING.is_set():
            STOPPING.wait((BINNED_SLOT_NS - self._now_ns() % BINNED_SLOT_NS) / 1e9)
            if self._now_ns() >= 0 and not STOPPING.is_set():
                self._report()

    def _report(self) -> None:
        now_ns = self._now_ns()
        due = 0 if self._share is None else max(0, math.ceil(self._place_of(now_ns)) - self._first)
        self._runner.send_message("flowdrill-report", {"report": self._binner.report(now_ns, due).pack()})

    def _finish(self, **_: object) -> None:
        """No new requests, a little time for those under way, then what is left to tell."""
        STOPPING.set()
        self._sender.wait_answers(SETTINGS.stop_grace_seconds)
        if self._keeper is not None:
            self._report()
        self._runner.send_message("flowdrill-done", {})


class FramePipe:
    """Writes frames to the harness in order, and never blocks the loop."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._backlog: deque[bytes] = deque()
        self._bytes = 0
        self._more = gevent.event.Event()
        gevent.spawn(self._write).link_exception(die_of)

    def write(self, frame: Frame) -> None:
        """Have a frame written."""
        packed = pack_frame(frame)
        self._backlog.append(packed)
        self._bytes += len(packed)
        if self._bytes > _MOST_BACKLOG:
            give_up("the harness does not read what the workers tell")
        self._more.set()

    def wait_empty(self, timeout_seconds: float) -> None:
        """Return once everything is written, or after the timeout."""
        with gevent.Timeout(timeout_seconds, False):
            while self._backlog:
                gevent.sleep(0.01)

    def _write(self) -> None:
        while True:
            self._more.wait()
            self._more.clear()
            while self._backlog:
                try:
                    written = os.write(self._fd, self._backlog[0])
                except BlockingIOError:
                    gevent.socket.wait_write(self._fd)
                    continue
                except BrokenPipeError:
                    os._exit(EXHAUSTED)  # the harness is gone: nobody may be left under load
                self._bytes -= written
                rest = self._backlog.popleft()[written:]
                if rest:
                    self._backlog.appendleft(rest)


class Master:
    """Numbers the workers, gives out the shares, and passes on what workers tell."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._pipe = FramePipe(SETTINGS.records_fd)
        self._numbers: dict[str, int] = {}  # client id -> worker
        self._shares: dict[int, str] = {}  # share -> client id
        self._gone: set[str] = set()
        self._done: set[str] = set()
        self._waiting: list[Frame] = []  # what was told before Hello
        self._t0_ns: int | None = None
        for kind, listener in (
            ("ping", self._answer),
            ("hello", self._welcome),
            ("clock", self._pass_clock),
            ("report", self._pass_report),
            ("sample", self._pass_sample),
            ("done", self._note_done),
        ):
            runner.register_message(f"flowdrill-{kind}", listener)
        gevent.spawn(self._look_for_the_missing).link_exception(die_of)

    def _answer(self, msg: Any, **_: object) -> None:
        answer = {"asked": msg.data["asked"], "now": time.monotonic_ns(), "utc": time.time_ns()}
        self._runner.send_message("flowdrill-pong", answer, msg.node_id)

    def _write(self, frame: Frame) -> None:
        if self._t0_ns is None:
            self._waiting.append(frame)
        else:
            self._pipe.write(frame)

    def _now_ns(self) -> int:
        return 0 if self._t0_ns is None else time.monotonic_ns() - self._t0_ns

    def _welcome(self, msg: Any, **_: object) -> None:
        client = msg.node_id
        if client in self._numbers:
            return
        self._numbers[client] = len(self._numbers) + 1
        news = WorkerNews.JOINED if self._t0_ns is None else WorkerNews.JOINED_LATE
        self._write(WorkerTold(self._numbers[client], NO_SHARE, self._now_ns(), news, str(msg.data["name"])[:200]))
        self._pass_clock(msg=msg)
        if self._t0_ns is not None:
            self._give_share(client)
        elif len(self._numbers) == SHARES:
            self._begin()

    def _begin(self) -> None:
        self._t0_ns = time.monotonic_ns() + _LEAD_NS
        self._pipe.write(Hello(self._t0_ns, SHARES, SETTINGS.requests_per_second, OBJECTIVE_NS))
        for frame in self._waiting:  # what was measured before is said of the beginning
            told = replace(frame, at_ns=frame.at_ns - self._t0_ns) if isinstance(frame, ClockTold) else frame
            self._pipe.write(told)
        self._waiting.clear()
        for client in self._numbers:
            self._give_share(client)

    def _give_share(self, client: str) -> None:
        """Give a worker a share that nobody has, where there is one."""
        free = next((share for share in range(SHARES) if share not in self._shares), None)
        if free is not None:
            self._shares[free] = client
            at_ns = max(0, self._now_ns())
            self._write(WorkerTold(self._numbers[client], free, at_ns, WorkerNews.TOOK_SHARE))
        data = {"share": -1 if free is None else free, "t0": self._t0_ns}
        self._runner.send_message("flowdrill-share", data, client)

    def _pass_clock(self, msg: Any, **_: object) -> None:
        number = self._numbers.get(msg.node_id)
        if number is None:
            return
        told = msg.data
        at_ns = told["at"] - (self._t0_ns or 0)
        self._write(ClockTold(number, at_ns, told["offset"], told["earliest"], told["latest"], told["utc"]))

    def _pass_report(self, msg: Any, **_: object) -> None:
        client, number = msg.node_id, self._numbers.get(msg.node_id)
        if number is None:
            return
        if client in self._gone:  # it was only silent for long
            self._gone.discard(client)
            self._give_share(client)
        try:
            report = bytes(msg.data["report"])
            unpack_report(report)
        except (TypeError, KeyError, ValueError) as error:
            self._write(WorkerTold(number, NO_SHARE, self._now_ns(), WorkerNews.DAMAGED, str(error)))
            return
        self._write(ReportCame(number, report))

    def _pass_sample(self, msg: Any, **_: object) -> None:
        self._write(SampleCame(str(msg.data["line"])))

    def _note_done(self, msg: Any, **_: object) -> None:
        self._done.add(msg.node_id)

    def _look_for_the_missing(self) -> None:
        while True:
            gevent.sleep(0.1)
            there = {one.id for one in self._runner.clients.all if one.state != STATE_MISSING}
            for share, client in tuple(self._shares.items()):
                if client not in there and not STOPPING.is_set():
                    del self._shares[share]
                    self._gone.add(client)
                    self._write(WorkerTold(self._numbers[client], share, self._now_ns(), WorkerNews.LEFT))
                    self._give_to_somebody_without()

    def _give_to_somebody_without(self) -> None:
        """A worker that joined when there was no share for it takes the one that is free."""
        there = {one.id for one in self._runner.clients.all if one.state != STATE_MISSING}
        holders = set(self._shares.values())
        spare = next((one for one in self._numbers if one in there and one not in holders), None)
        if spare is not None:
            self._give_share(spare)

    def finish(self) -> None:
        """Have all workers stop and tell their last, then end the stream."""
        STOPPING.set()
        there = {one.id for one in self._runner.clients.all if one.state != STATE_MISSING} & self._numbers.keys()
        for client in there:
            self._runner.send_message("flowdrill-finish", {}, client)
        with gevent.Timeout(2 * SETTINGS.stop_grace_seconds + 1, False):
            while there - self._done:
                gevent.sleep(0.02)
        self._write(MasterEnded())
        self._pipe.wait_empty(SETTINGS.stop_grace_seconds)


@events.init.add_listener
def _begin(environment: Environment, **_: object) -> None:
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        master = Master(runner)

        def finish(environment: Environment, **_: object) -> None:
            master.finish()
            environment.process_exit_code = 0  # bad answers are results, not errors

        environment.events.quitting.add_listener(finish)  # the last to be added is called first
    elif isinstance(runner, WorkerRunner):
        ShareOfLoad(runner)
    else:
        give_up("this Locust file needs --master or --worker")


@events.user_error.add_listener
def _end_on_error(exception: Exception, **_: object) -> None:
    give_up(f"internal error in the load generator: {exception!r}")
