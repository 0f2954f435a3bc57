"""Listens, while a drill runs, to `flowdrill ack` and `flowdrill inject` on the same host.

A unix socket in a folder of its own that only this user may enter: a socket's path may have 107 bytes, and a run
folder's is often longer. The run folder has a link to it for as long as the drill listens. Both sides read the same
monotonic clock.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from flowdrill.edges.people.messages import LINK, LONGEST_LINE, Answer, Message
from flowdrill.engine.facts import AckTold, InjectTold, SourceTold, Tell
from flowdrill.model.events import Event, ImageSet, Phase, PhaseStarted, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns
from flowdrill.model.quantity import format_seconds

_LONGEST_PATH = 100  # bytes of a socket's path
_CONNECTION_SECONDS = 2.0
_LOOK_SECONDS = 0.2  # how soon the thread sees that it is to stop
_OLDEST_NS = seconds_to_ns(60)  # no command takes longer from its start until it is heard
_NAME = "the control channel"


class ControlChannel:
    """A `Source` of what people say. It is shown the run's events, so that it can answer with when it was."""

    def __init__(self, run_folder: Path, run_id: str) -> None:
        self._link, self._run_id = run_folder / LINK, run_id
        self._broken_ns: int | None = None
        self._over = False
        self._stopping = threading.Event()
        self._folder: str | None = None
        self._thread: threading.Thread | None = None
        self._listening: socket.socket | None = None

    def see(self, event: Event) -> None:
        """Follow the run: when it broke the workload, and when it began to put it back."""
        if isinstance(event, ImageSet) and event.purpose is Purpose.BREAK:
            self._broken_ns = event.instant.latest_ns
        elif isinstance(event, PhaseStarted) and event.phase is Phase.RESTORE:
            self._over = True

    def start_watching(self, tell: Tell) -> None:
        """Listen, and tell what people say. A channel that cannot be opened is told, and the drill goes on without."""
        try:
            listening = self._listen()
        except OSError as error:
            self._remove()
            tell(SourceTold(time.monotonic_ns(), _NAME, f"cannot be opened: {error.strerror or error}"))
            return
        self._listening = listening
        self._thread = threading.Thread(target=self._serve, args=(listening, tell), name="control", daemon=True)
        self._thread.start()

    def stop_watching(self) -> None:
        """Stop listening, and remove the socket and the link. Harmless when not listening."""
        self._stopping.set()
        if self._thread is not None:
            if self._listening is not None:
                with suppress(OSError):  # the thread has ended by itself
                    self._listening.shutdown(socket.SHUT_RDWR)  # wakes it at once
            self._thread.join(2 * _CONNECTION_SECONDS)
            self._thread = None
        self._remove()

    def _listen(self) -> socket.socket:
        self._folder = tempfile.mkdtemp(prefix="flowdrill-")  # mode 0700
        if len(os.fsencode(self._folder)) > _LONGEST_PATH - len(LINK) - 1:
            Path(self._folder).rmdir()
            self._folder = tempfile.mkdtemp(prefix="flowdrill-", dir="/tmp")
        path = str(Path(self._folder, LINK))
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(path)
            listening.listen(8)
            listening.settimeout(_LOOK_SECONDS)
            self._link.symlink_to(path)
        except OSError:
            listening.close()
            raise
        return listening

    def _remove(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # a link that leads nowhere is none, and nothing may keep the run from ending
                self._link.unlink(missing_ok=True)

    def _serve(self, listening: socket.socket, tell: Tell) -> None:
        with listening:
            while not self._stopping.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    if self._stopping.is_set():
                        return  # it was shut down
                    tell(SourceTold(time.monotonic_ns(), _NAME, f"no longer listens: {error.strerror or error}"))
                    return
                with connection:
                    self._answer(connection, tell)

    def _answer(self, connection: socket.socket, tell: Tell) -> None:
        try:
            line = _line_from(connection)
            arrived_ns = time.monotonic_ns()
            answer = self._take(Message.model_validate_json(line), arrived_ns, tell)
        except ValidationError as error:
            answer = self._refusal(f"not understood: {error.errors()[0]['msg']}")
        except OSError:
            return  # whoever it was has gone, or says nothing
        try:
            connection.sendall(answer.model_dump_json().encode() + b"\n")
        except OSError:
            return  # it is noted all the same

    def _take(self, message: Message, arrived_ns: int, tell: Tell) -> Answer:
        if self._over:
            return self._refusal("the drill is already over: it is putting the workload back")
        asked_ns = min(max(message.asked_ns, arrived_ns - _OLDEST_NS), arrived_ns)
        if message.kind == "ack":
            how = "flowdrill ack" + (f": {message.text}" if message.text else "")
            tell(AckTold(arrived_ns, Instant(asked_ns, arrived_ns), message.by, how))
            words = f"acknowledged by {message.by}"
        else:
            tell(InjectTold(arrived_ns, message.text, message.by))
            words = f"told by {message.by}: {message.text}"
        since = None if self._broken_ns is None else ns_to_seconds(max(0, arrived_ns - self._broken_ns))
        if since is not None:
            words += f", {format_seconds(since)} after the break"
        elif message.kind == "ack":
            words += "; it does not count, since the drill has broken nothing yet"
        return Answer(run_id=self._run_id, words=words, since_break_seconds=since)

    def _refusal(self, why: str) -> Answer:
        return Answer(run_id=self._run_id, words="", since_break_seconds=None, refused=why)


def _line_from(connection: socket.socket) -> bytes:
    """One line, or what came until there was too much of it; OSError when it does not come in time."""
    deadline, line = time.monotonic() + _CONNECTION_SECONDS, b""
    while b"\n" not in line and len(line) <= LONGEST_LINE:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(4096)
        if not part:
            break
        line += part
    return line.partition(b"\n")[0]
