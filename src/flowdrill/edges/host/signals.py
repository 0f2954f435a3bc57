"""SIGINT, SIGTERM and SIGHUP become facts, so that a run ends where it waits, and restores."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from flowdrill.engine.facts import StopAsked
from flowdrill.engine.ports import Tell


@contextmanager
def signals_told(tell: Tell) -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP (a closed terminal) are told as StopAsked and do not end the process."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        tell(StopAsked(arrived_ns=time.monotonic_ns(), signal=signal.Signals(number).name))

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
