"""Work in a process of its own, forked from this one: it shares the memory of everything that is loaded, tells what
comes of it through a pipe, has its own output in a file, and is asked to end when this process dies.

A signal of the terminal reaches this process alone, which passes it on once (`Forked.signal`). A fork takes one thread
along: nothing here may be forked while this process has another.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import FrameType
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Send = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Gone:
    """A process that ended without a last word. `exit_code`: negative for the signal that has killed it."""

    exit_code: int

    def described(self) -> str:
        """Return it in words."""
        if self.exit_code < 0:
            return f"was killed by {signal.Signals(-self.exit_code).name}"
        return f"ended with exit code {self.exit_code}"


@dataclass(frozen=True, slots=True)
class Defect:
    """What the work raised that it should not have."""

    text: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A signal ended its work, which did not hear it itself by then, or no longer."""


class Forked:
    """One such process, as this one sees it."""

    def __init__(self, pid: int, hears: Connection) -> None:
        self.pid, self.hears = pid, hears
        self._exit_code: int | None = None

    def signal(self, number: int) -> None:
        """Pass a signal on, unless it has ended."""
        if self._exit_code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def next_word(self) -> object:
        """Return what it says next, of which there must be something; Gone when it has ended."""
        try:
            return self.hears.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return Gone(self._reap())

    def let_go(self) -> None:
        """It has said its last word: wait for its end."""
        self._reap()

    def _reap(self) -> int:
        if self._exit_code is None:
            _, status = os.waitpid(self.pid, 0)
            self._exit_code = os.waitstatus_to_exitcode(status)
            self.hears.close()
        return self._exit_code


def forked(work: Callable[[Send], object], log: Path) -> Forked:
    """Start `work` in a process of its own. What it sends, and at last what it returns, come through `next_word`, all
    of which must be possible to pickle; Defect when it raises, Stopped when a signal ends it. Its output goes to the
    end of `log`. OSError."""
    assert threading.active_count() == 1, threading.enumerate()  # noqa: S101 - see above
    hears, says = Pipe(duplex=False)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    for stream in (sys.stdout, sys.stderr):  # else it would be written by both
        with suppress(OSError, ValueError):  # nobody reads any more: no drill is to end for it
            stream.flush()
    gc.freeze()  # what is there by now is looked at by no child's collector: the pages stay shared
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until it has handlers of its own
    try:
        pid = os.fork()
        if pid == 0:
            hears.close()
            _be_the_child(work, says, output, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(output)
        says.close()
    return Forked(pid, hears)


def waited(several: Sequence[Forked], seconds: float) -> list[Forked]:
    """Return those that have something to say, or have ended; none when the time is over."""
    ready = wait([one.hears for one in several], seconds)
    return [one for one in several if one.hears in ready]


@contextmanager
def signals_passed_on(running: Callable[[], Sequence[Forked]], heard: Callable[[str], None]) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP end nothing here: each is passed on to all that run, and `heard` is told
    its name."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        heard(signal.Signals(number).name)
        for one in running():
            one.signal(number)

    before = {number: signal.signal(number, on_signal) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _be_the_child(work: Callable[[Send], object], says: Connection, output: int, mask: set[Any]) -> None:
    """Never returns: nothing of the process that it was forked from may run on in it."""
    code = 1
    try:
        parent = os.getppid()
        os.setsid()  # a Ctrl-C in the terminal is for the process that has started this one
        _write_to(output)
        for number in _PASSED_ON:
            signal.signal(number, _stop)
        _die_with(parent)
        last = _done(work, says, mask)
        for number in _PASSED_ON:  # it is over: what came of it must not be lost on its way
            signal.signal(number, signal.SIG_IGN)
        says.send(last)
        code = 0
    except BaseException:  # noqa: BLE001 - also a signal's: it must not run on as the parent
        with suppress(Exception):
            traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _write_to(output: int) -> None:
    """Also what Python writes to: somebody may have put streams of their own in their place."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)


def _done(work: Callable[[Send], object], says: Connection, mask: set[Any]) -> object:
    def send(word: object) -> None:
        with suppress(OSError):  # whoever was to hear it is gone, and this process is asked to end
            says.send(word)

    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return work(send)
    except KeyboardInterrupt:
        return Stopped()
    except Exception:  # noqa: BLE001 - it is told
        return Defect(traceback.format_exc())


def _stop(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _die_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies: then this run puts everything back, and ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
