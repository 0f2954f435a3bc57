"""The process of one activity, as the harness sees it: a thread listens to it, has it begin, and ends it in time."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdrill.engine.ports import Clock
from flowdrill.model.activity import ActivityEnd
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns

START_SECONDS = 60.0
_END_SECONDS = 5.0  # for the overseer to end everything
_MOST_TOLD_BYTES = 4 << 20  # what a process may say of itself
_MOST_OUTPUT_BYTES = 64 << 10
_PIECE = 1 << 16
_MOST_PIECES = 32  # more than a pipe holds


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """What became of an activity. `run` is chaoslib's own record of it, `output` the end of what it printed."""

    end: ActivityEnd
    says: str
    began: Instant | None = None
    ended: Instant | None = None
    tolerance_met: bool | None = None
    run: Mapping[str, Any] | None = None
    output: str = ""
    chaoslib: str = ""


class ActivityChild:
    """One process. Its callbacks come from its thread; `over` comes exactly once."""

    def __init__(
        self,
        request: Mapping[str, Any],
        *,
        environ: Mapping[str, str],
        folder: Path,
        limit_seconds: float,
        clock: Clock,
        began: Callable[[Instant], None],
        over: Callable[[ChildEnd], None],
    ) -> None:
        """Start it: from a thread that lives as long as it does. OSError when that does not work."""
        self._clock, self._limit_ns = clock, seconds_to_ns(limit_seconds)
        self._tell_began, self._tell_over = began, over
        self._wake_read, self._wake_write = os.pipe()
        self._process, self._told = start_process(request, environ, folder)
        self._lock = threading.Lock()
        self._begin_at_ns: int | None = None  # when it is to begin; None: not asked yet
        self._stopping = False
        self._settled = threading.Event()  # it is ready, or never will be
        self.ready = False
        self._sent_ns = self._began_ns = 0
        self._began: Instant | None = None
        self._done: dict[str, Any] | None = None
        self._problem: tuple[ActivityEnd, str] | None = None  # why it is not done
        self._chaoslib, self._line, self._said, self._output = "", b"", 0, bytearray()
        self._thread = threading.Thread(target=self._listen, name="activity", daemon=True)
        self._thread.start()

    def await_ready(self, seconds: float) -> bool:
        """Return whether it could begin at once; waits until that is known."""
        self._settled.wait(seconds)
        return self.ready

    def begin(self, at_ns: int) -> None:
        """Have it begin, not before `at_ns`, once it is ready. Returns at once."""
        with self._lock:
            self._begin_at_ns = at_ns
        self._wake()

    def stop(self) -> None:
        """End it. Returns at once."""
        with self._lock:
            self._stopping = True
        self._wake()

    def join(self, seconds: float) -> None:
        """Wait until it is gone."""
        self._thread.join(seconds)

    def _wake(self) -> None:
        with suppress(OSError):  # it is over
            os.write(self._wake_write, b"!")

    def _listen(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - for the type checker
        started_ns = self._clock.now_ns()
        with selectors.DefaultSelector() as selector:
            for fd in (self._told, stdout.fileno(), self._wake_read):
                selector.register(fd, selectors.EVENT_READ)
            while self._problem is None and self._done is None:
                now = self._clock.now_ns()
                if not self._goes_on(now):
                    self._problem = (ActivityEnd.STOPPED, "")
                    break
                until_ns = self._deadline(started_ns)
                if now >= until_ns and not self._waits_to_begin(now):
                    self._problem = self._too_late()
                    break
                for key, _ in selector.select(self._timeout_seconds(until_ns, now)):
                    if not self._read(int(key.fd), stdout.fileno()):
                        selector.unregister(key.fd)
        self._settled.set()
        noticed_ns = self._clock.now_ns()
        self._end(stdout.fileno())
        self._tell_over(self._what_came(noticed_ns))

    def _waits_to_begin(self, now_ns: int) -> bool:
        return self.ready and self._began is None and (self._begin_at_ns is None or now_ns < self._begin_at_ns)

    def _deadline(self, started_ns: int) -> int:
        if self._sent_ns:
            return self._sent_ns + self._limit_ns
        if self.ready:
            return self._begin_at_ns or started_ns  # nothing to be late for: `_waits_to_begin`
        return started_ns + seconds_to_ns(START_SECONDS)

    def _timeout_seconds(self, until_ns: int, now_ns: int) -> float | None:
        if self.ready and not self._sent_ns and self._begin_at_ns is None:
            return None
        return max(ns_to_seconds(until_ns - now_ns), 0.0)

    def _goes_on(self, now_ns: int) -> bool:
        """Have it begin when it is time; return whether it is not to be ended."""
        with self._lock:
            if self._stopping:
                return False
            due = self._begin_at_ns is not None and now_ns >= self._begin_at_ns
        stdin = self._process.stdin
        if due and self.ready and not self._sent_ns and stdin is not None:
            self._sent_ns = self._clock.now_ns()
            with suppress(OSError):  # gone: its end is read
                os.write(stdin.fileno(), b"!")
        return True

    def _too_late(self) -> tuple[ActivityEnd, str]:
        if self._sent_ns:
            return ActivityEnd.TIMED_OUT, f"it had not ended after {ns_to_seconds(self._limit_ns):g} s"
        return ActivityEnd.NOT_BEGUN, f"its module was not imported within {START_SECONDS:g} s"

    def _read(self, fd: int, stdout: int) -> bool:
        """Take what is there; return whether there may be more."""
        piece = os.read(fd, _PIECE)
        if fd == stdout:
            self._keep(piece)
        elif fd == self._told:
            self._said += len(piece)
            if not piece or self._said > _MOST_TOLD_BYTES:
                self._problem = (ActivityEnd.DIED, "it said too much" if piece else "its overseer was ended")
                return False
            *lines, self._line = (self._line + piece).split(b"\n")
            for line in filter(None, lines):
                self._take(line)
        return bool(piece)

    def _keep(self, piece: bytes) -> None:
        self._output += piece
        if len(self._output) > 2 * _MOST_OUTPUT_BYTES:  # where it is cut may be the middle of a secret: a line's end
            cut = self._output.find(b"\n", len(self._output) - _MOST_OUTPUT_BYTES) + 1
            del self._output[: cut or len(self._output)]

    def _take(self, line: bytes) -> None:
        message = message_of(line)
        match message:
            case {"ready": str(chaoslib)}:
                self._chaoslib, self.ready = chaoslib[:40], True
                self._settled.set()
            case {"began": int(at_ns)} if self._sent_ns and self._began is None:
                now = self._clock.now_ns()
                self._began_ns = min(max(at_ns, self._sent_ns), now)
                self._began = Instant(self._sent_ns, now)
                self._tell_began(self._began)
            case {"done": dict()} if self._began is not None:
                self._done = message
            case {"invalid": str(why)} | {"broke": str(why)} | {"says": str(why)}:
                self._problem = (ActivityEnd.FAILED if self._sent_ns else ActivityEnd.NOT_BEGUN, why)
            case {"ended": int(code)}:
                self._problem = (ActivityEnd.DIED, code_words(code))

    def _what_came(self, noticed_ns: int) -> ChildEnd:
        output = bytes(self._output).decode("utf-8", "replace")
        if self._done is None:
            end, says = self._problem or (ActivityEnd.DIED, "")
            ended = None if self._began is None else Instant(self._began.latest_ns, noticed_ns)
            return ChildEnd(end, says, self._began, ended, output=output, chaoslib=self._chaoslib)
        run, said_ns = self._done["done"], self._done.get("at_ns")
        floor = self._began_ns
        earliest = min(max(said_ns, floor), noticed_ns) if isinstance(said_ns, int) else floor
        failed, incomparable = run.get("status") != "succeeded", self._done.get("incomparable")
        met = self._done.get("tolerance_met")
        return ChildEnd(
            ActivityEnd.FAILED if failed or incomparable else ActivityEnd.DONE,
            _last_words(run) if failed else f"its answer cannot be compared: {incomparable}" if incomparable else "",
            self._began,
            Instant(earliest, noticed_ns),
            met if isinstance(met, bool) else None,
            run,
            output,
            self._chaoslib,
        )

    def _end(self, stdout: int) -> None:
        """The overseer ends everything when its input ends; what it does not, a signal does."""
        end_process(self._process)
        os.set_blocking(stdout, False)
        with suppress(OSError):
            for _ in range(_MOST_PIECES):  # somebody who has fled may write on
                if not (piece := os.read(stdout, _PIECE)):
                    break
                self._keep(piece)
        with self._lock:  # nobody wakes it any more
            for fd in (self._told, self._wake_read, self._wake_write):
                os.close(fd)
            self._wake_write = -1
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        self._process.stdout.close()


def start_process(
    request: Mapping[str, Any], environ: Mapping[str, str], folder: Path
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the process for a request; return it, and the file descriptor by which it tells. OSError when it cannot be
    started."""
    told, childs_end = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-u", "-m", "flowdrill.edges.chaostoolkit.activity_process", str(childs_end)],
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(childs_end,),
            start_new_session=True,  # what is sent to the drill's terminal is not sent to it
        )
    except OSError:
        os.close(told)
        raise
    finally:
        os.close(childs_end)
    assert process.stdin is not None  # noqa: S101 - for the type checker
    with suppress(OSError):  # gone: its end is read
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    return process, told


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End it and everything that it has started; returns once the overseer is gone."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def message_of(line: bytes) -> dict[str, Any]:
    """Return what a process says; nothing for what is none of its messages: an activity may write there, too."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def code_words(code: int) -> str:
    """Return how a process ended."""
    if code >= 0:
        return f"its process ended by itself, with exit code {code}"
    try:
        return f"its process was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"its process was ended by signal {-code}"


def _last_words(run: Mapping[str, Any]) -> str:
    lines = run.get("exception")
    words = [str(one).strip() for one in lines if str(one).strip()] if isinstance(lines, list) else []
    return words[-1].removeprefix("chaoslib.exceptions.ActivityFailed: ") if words else "it failed, and did not say why"
