"""A load's master in a pod, and the harness that fetches what it has: over real sockets that break."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.courier import Courier
from flowdrill.edges.load.outbox import Outbox
from flowdrill.edges.load.relay import Duty, Relay
from flowdrill.errors import ClusterError
from flowdrill.model.parcel import ClockAnswer, Message, Said, Unpacking

RUN = "20260101T000000Z-edge-missing-abc123"
LOAD = """
import os, signal, sys, threading
fd, frames, waits = map(int, sys.argv[1:])
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
for number in range(frames):
    os.write(fd, b"%07d\\n" % number)
    if number % 100 == 0:
        told.wait(0.01)
if waits:
    told.wait()
os.write(fd, b"the-end\\n")
"""


class Child:
    """A process that writes lines of eight bytes, and its files."""

    def __init__(self, frames: int, *, waits: bool) -> None:
        self.frames_fd, own = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOAD, str(own), str(frames), str(int(waits))], pass_fds=(own,)
        )
        os.close(own)

    def last_words(self) -> str:
        return "bye"

    def files(self) -> Iterable[tuple[str, bytes]]:
        return [("bad-answers.jsonl", b"{}\n")]


@dataclass
class Pod:
    """The relay in a thread of its own."""

    listener: socket.socket
    frames: int = 1000
    waits: bool = True
    silence_seconds: float = 5.0
    started: list[Child] = field(default_factory=list)
    result: int | None = None

    def __post_init__(self) -> None:
        self.relay = Relay(Duty(RUN, self.silence_seconds), self._start, lambda _: None)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _start(self) -> Child:
        self.started.append(Child(self.frames, waits=self.waits))
        return self.started[-1]

    def _serve(self) -> None:
        self.result = self.relay.serve(self.listener)
        self.listener.close()

    @property
    def address(self) -> Any:
        return self.listener.getsockname()


class Wire:
    """A `Connection` that can be cut after so many bytes."""

    def __init__(self, address: Any, cut_after: int | None = None) -> None:
        try:
            self.socket = socket.create_connection(address)
        except OSError as error:
            raise ClusterError("refused", "") from error
        self.left = cut_after

    def receive(self, limit_seconds: float) -> bytes:
        if self.left == 0:
            raise ClusterError("cut", "")
        if not select.select([self.socket], [], [], limit_seconds)[0]:
            return b""
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise ClusterError("reset", "") from error
        if not data:
            raise ClusterError("closed", "")
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
        return data

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise ClusterError("reset", "") from error

    def close(self) -> None:
        self.socket.close()


@dataclass
class Got:
    """A `Receiver` that keeps everything."""

    data: bytearray = field(default_factory=bytearray)
    files: dict[str, bytes] = field(default_factory=dict)
    clocks: list[tuple[int, ...]] = field(default_factory=list)
    gone: int = 0
    words: list[str] = field(default_factory=list)
    end: tuple[int | None, str] | None = None
    heard: Callable[[], None] = lambda: None

    def frames(self, data: bytes) -> None:
        self.data += data
        self.heard()

    def file(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def clock_told(self, asked_ns: int, answer: ClockAnswer, heard_ns: int) -> None:
        self.clocks.append((asked_ns, answer.came_ns, answer.left_ns, heard_ns))

    def lost(self, parcels: int) -> None:
        self.gone += parcels

    def told(self, text: str) -> None:
        self.words.append(text)

    def ended(self, exit_code: int | None, words: str) -> None:
        self.end = (exit_code, words)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def courier_of(
    got: Got, connect: Callable[[], Wire], *, silence: float = 5.0, run: str = RUN, gone: str | None = None
) -> Courier:
    return Courier(run, connect, lambda: gone, got, MonotonicClock(), silence_seconds=silence)


def expected(frames: int) -> bytes:
    return b"".join(b"%07d\n" % number for number in range(frames)) + b"the-end\n"


def test_everything_comes_in_order_and_the_relay_ends_once_the_harness_has_it(listener: socket.socket) -> None:
    pod, got = Pod(listener), Got()
    courier = courier_of(got, lambda: Wire(pod.address))
    got.heard = lambda: courier.stop() if len(got.data) >= 8000 else None
    courier.start()
    assert courier.join(30)
    pod.thread.join(30)
    assert bytes(got.data) == expected(1000)
    assert got.end == (0, "the harness has asked for it\nbye")
    assert (got.files, got.gone, pod.result) == ({"bad-answers.jsonl": b"{}\n"}, 0, 0)
    assert all(asked <= came <= left <= heard for asked, came, left, heard in got.clocks)  # one host, one clock
    assert got.clocks


def test_no_frame_is_lost_or_doubled_when_connections_break(listener: socket.socket) -> None:
    pod, got, cuts = Pod(listener, frames=3000, waits=False), Got(), iter([0, 500, 30, 4000, 1, 9000, 100])
    courier = courier_of(got, lambda: Wire(pod.address, next(cuts, None)))
    courier.start()
    assert courier.join(60)
    pod.thread.join(30)
    assert bytes(got.data) == expected(3000)
    assert (got.gone, pod.result, len(pod.started)) == (0, 0, 1)
    assert sum("broke" in one for one in got.words) >= 3


def test_a_load_whose_harness_has_fallen_silent_is_ended_by_its_own_pod(listener: socket.socket) -> None:
    pod, got = Pod(listener, silence_seconds=0.5), Got()
    courier = courier_of(got, lambda: Wire(pod.address))
    got.heard = courier._abandoned.set  # as a SIGKILL would
    courier.start()
    pod.thread.join(30)
    assert pod.result == 1
    assert pod.started[0].process.poll() == 0
    assert got.end is None


def test_without_a_hello_nothing_is_started(listener: socket.socket) -> None:
    pod, got = Pod(listener, silence_seconds=0.3), Got()
    courier = courier_of(got, lambda: Wire(pod.address), run="somebody-elses", silence=1.0)
    courier.start()
    assert courier.join(30)
    assert pod.started == []
    assert got.end is not None
    assert got.end[0] is None
    assert "no connection to the load's master" in got.end[1]
    pod.relay._heard = 0
    pod.thread.join(30)
    assert pod.result == 1


def test_a_pod_that_is_gone_is_not_waited_for() -> None:
    got = Got()

    def refused() -> Wire:
        raise ClusterError("no such pod", "")

    courier = courier_of(got, refused, silence=600, gone="pod/load-master was evicted")
    courier.start()
    assert courier.join(30)
    assert got.end == (None, "pod/load-master was evicted")


def test_a_full_outbox_gives_up_the_oldest_and_the_numbers_show_it() -> None:
    box = Outbox(most_bytes=100)
    for number in range(10):
        box.put(Said.FRAMES, bytes([number]) * 20)
    first = box.first_from(0)
    assert first is not None
    assert first.number == 7
    assert first.content == bytes([7]) * 20
    box.forget(10)
    assert box.empty
    assert box.first_from(10) is None


def test_what_a_full_outbox_has_lost_is_counted() -> None:
    got = Got()
    courier = courier_of(got, lambda: Wire(None))
    for one in (Message(Said.FRAMES, 3, b"later"), Message(Said.FRAMES, 1, b"again")):
        courier._take(one, 1)
    assert (got.gone, bytes(got.data)) == (3, b"later")


@pytest.mark.parametrize("nonsense", [b"\xff" * 13, b"\x0b" + b"\x00" * 8 + b"\xff" * 4])
def test_nonsense_is_one_error(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|not a valid"):
        Unpacking().add(nonsense)


def test_messages_are_found_in_bytes_cut_anywhere() -> None:
    messages = [Message(Said.HELLO, 7, b"run"), Message(Said.ASK, 2), Message(Said.FILE, 3, b"a\0b" * 100)]
    data, unpacking = b"".join(one.pack() for one in messages), Unpacking()
    assert [one for at in range(len(data)) for one in unpacking.add(data[at : at + 1])] == messages
