"""SIGINT, SIGTERM and SIGHUP become facts or an exception, so that whatever runs cleans up after itself."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from flowdrill.engine.facts import StopAsked, Tell

_SHOW_CURSOR = b"\x1b[?25h"  # a live view hides it
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: a closed terminal


class StoppedBySignal(KeyboardInterrupt):
    """A signal asked this process to stop; `signal` is its name."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number).name


def end_by_signals(pid: int) -> None:
    """Make SIGTERM and SIGHUP end this process where it is the first one of a container. By itself the kernel keeps
    them from that one: a pod that is told to end would go on, and break something."""
    if pid == 1:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def signals_raised() -> Iterator[None]:
    """While inside, the first SIGINT, SIGTERM or SIGHUP raises StoppedBySignal, and later ones do not disturb the
    cleaning up. Only in the main thread."""
    stopped = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            raise StoppedBySignal(number)

    with _handled(on_signal):
        yield


@contextmanager
def signals_told(tell: Tell, hand_over: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP are told as StopAsked and do not end the process. From the second one on
    `hand_over` is asked, too: where it returns who goes on in this run's place, this process says so and ends at
    once."""
    heard = 0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        heard += 1
        name = signal.Signals(number).name
        whom = hand_over() if heard > 1 else None
        if whom is not None:
            words = f"\nflowdrill: {name} again: the guard puts everything back ({whom})\n"
            if select.select([], [2], [], 0)[1]:  # somebody reads it
                os.write(2, _SHOW_CURSOR + words.encode())
            os._exit(128 + number)
        tell(StopAsked(arrived_ns=time.monotonic_ns(), signal=name))

    with _handled(on_signal):
        yield


@contextmanager
def _handled(on_signal: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, on_signal) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
