"""In the pod of the load's master: starts Locust once the harness has said hello, hands over what Locust tells, and
ends the load when nobody listens any more. It listens on loopback only: `port-forward` comes in there, and no other pod
does."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from flowdrill.edges.load.outbox import Outbox
from flowdrill.model.parcel import ClockAnswer, Ending, Message, Said, Unpacking, packed_file

_LOOK_SECONDS = 0.2
_PIECE = 1 << 16
_MOST_WAITING = 1 << 18  # bytes handed to the connection at once: an answer about the clock waits for no more
_STOP_SECONDS = 12.0
_FIRST_HELLO_SECONDS = 120.0  # the harness has to see the pod run first


class Running(Protocol):
    """A load that was started."""

    process: subprocess.Popen[bytes]
    frames_fd: int

    def last_words(self) -> str:
        """Return the end of its log."""
        ...

    def files(self) -> Iterable[tuple[str, bytes]]:
        """Return what it has written, by name, once it has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Duty:
    """Whose load it is."""

    run_id: str
    silence_seconds: float  # of the harness, that ends the load


class Relay:
    """One load, from the harness's first hello until it has everything, or has fallen silent."""

    def __init__(self, duty: Duty, start: Callable[[], Running], say: Callable[[str], None]) -> None:
        self._duty, self._start, self._say = duty, start, say
        self._outbox = Outbox()
        self._running: Running | None = None
        self._connection: socket.socket | None = None
        self._unpacking, self._waiting, self._cursor = Unpacking(), bytearray(), -1
        self._heard = time.monotonic() + max(_FIRST_HELLO_SECONDS - duty.silence_seconds, 0)
        self._asked_to_stop: float | None = None
        self._why_stopped = ""
        self._ended = False
        self._selector = selectors.DefaultSelector()

    def serve(self, listener: socket.socket) -> int:
        """Return 0 once the harness has everything, 1 when it has fallen silent."""
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        try:
            return self._until_the_end()
        finally:
            self._drop()
            self._selector.close()

    def _until_the_end(self) -> int:
        while True:
            for key, _ in self._selector.select(_LOOK_SECONDS):
                key.data(key.fileobj)
            self._send_what_waits()
            silent = time.monotonic() - self._heard > self._duty.silence_seconds
            if silent and self._asked_to_stop is None:
                self.stop(f"nothing was heard from the harness for {self._duty.silence_seconds:g} s")
            self._end_by_force()
            if (self._ended and (self._outbox.empty or silent)) or (silent and self._running is None):
                return 1 if silent else 0

    def stop(self, why: str) -> None:
        """Have Locust end. Safe in a signal handler."""
        if self._asked_to_stop is not None:
            return
        self._asked_to_stop, self._why_stopped = time.monotonic(), why
        if self._running is not None:
            self._running.process.terminate()

    def _end_by_force(self) -> None:
        if self._asked_to_stop is None or self._running is None or self._ended:
            return
        if time.monotonic() - self._asked_to_stop > _STOP_SECONDS:
            self._running.process.kill()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self._drop()
        self._connection, self._unpacking, self._cursor = connection, Unpacking(), -1
        self._selector.register(connection, selectors.EVENT_READ, self._hear)

    def _drop(self) -> None:
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
        self._connection = None
        self._waiting.clear()

    def _hear(self, connection: socket.socket) -> None:
        came_ns = time.monotonic_ns()
        try:
            data = connection.recv(_PIECE)
            messages = self._unpacking.add(data)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            data, messages = b"", []
        for message in messages:
            if not self._take(message, came_ns):
                data = b""
        if not data:
            self._drop()

    def _take(self, message: Message, came_ns: int) -> bool:
        """Do what the harness says; False when it is nobody to be heard."""
        if message.said is Said.HELLO:
            if message.content.decode("utf-8", "replace") != self._duty.run_id:
                self._say("somebody else's harness was sent away")
                return False
            self._cursor = message.number
            self._begin()
        elif self._cursor < 0:
            return False
        elif message.said is Said.ASK:
            answer = ClockAnswer(came_ns, time.monotonic_ns(), time.time_ns())
            self._waiting += Message(Said.CLOCK, message.number, answer.pack()).pack()
        elif message.said is Said.HAVE:
            self._outbox.forget(message.number)
        elif message.said is Said.STOP:
            self.stop("the harness has asked for it")
        self._heard = time.monotonic()
        return True

    def _begin(self) -> None:
        if self._running is not None or self._asked_to_stop is not None:
            return
        self._running = self._start()
        self._selector.register(self._running.frames_fd, selectors.EVENT_READ, self._read)
        self._say(f"the load of {self._duty.run_id} begins")

    def _read(self, frames_fd: int) -> None:
        data = os.read(frames_fd, _PIECE)
        if data:
            self._outbox.put(Said.FRAMES, data)
        else:
            self._selector.unregister(frames_fd)
            os.close(frames_fd)
            self._finish()

    def _finish(self) -> None:
        assert self._running is not None  # noqa: S101 - for the type checker
        try:
            exit_code = self._running.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.process.kill()
            exit_code = self._running.process.wait()
        for name, content in self._running.files():
            self._outbox.put(Said.FILE, packed_file(name, content))
        words = self._running.last_words()
        if self._why_stopped:
            words = f"{self._why_stopped}\n{words}"
        self._outbox.put(Said.ENDED, Ending(exit_code, words).pack())
        self._ended = True
        self._say(f"the load has ended with {exit_code}: {self._why_stopped or 'by itself'}")

    def _send_what_waits(self) -> None:
        if self._connection is None or self._cursor < 0:
            return
        while len(self._waiting) < _MOST_WAITING:
            parcel = self._outbox.first_from(self._cursor)
            if parcel is None:
                break
            self._waiting += parcel.pack()
            self._cursor = parcel.number + 1
        if self._waiting:
            try:
                del self._waiting[: self._connection.send(self._waiting)]
            except BlockingIOError:
                return
            except OSError:
                self._drop()


def listen(port: int) -> socket.socket:
    """Listen on loopback."""
    return socket.create_server(("127.0.0.1", port))


def stop_on_sigterm(relay: Relay) -> None:
    """A pod that is deleted or evicted ends its load first."""
    signal.signal(signal.SIGTERM, lambda *_: relay.stop("the pod was told to end"))
