"""Waiting for a time to come, before anything is touched."""

from __future__ import annotations

import signal
import threading

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def wait_or_signal(seconds: float) -> str | None:
    """Wait; return the name of the signal that has ended the wait, None when it is over. The first process of a
    container hears SIGTERM here, too. Only in the main thread of a process that has no other."""
    assert threading.current_thread() is threading.main_thread()  # noqa: S101 - the mask is a thread's own
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        heard = signal.sigtimedwait(_ENDING, max(0.0, seconds))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return None if heard is None else signal.Signals(heard.si_signo).name
