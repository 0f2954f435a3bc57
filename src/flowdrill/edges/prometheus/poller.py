"""A thread that asks one server again and again, and says when it is away and when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flowdrill.engine.facts import SourceTold, Tell
from flowdrill.errors import AlertSourceError

POLL_SECONDS = 0.25
_STOP_SECONDS = 15.0  # for the question under way: it has time limits of its own


class Poller:
    """Calls `poll` every quarter of a second, until it is stopped."""

    def __init__(self, source: str, poll: Callable[[], None], tell: Tell, every_seconds: float = POLL_SECONDS) -> None:
        self._source, self._poll, self._tell = source, poll, tell
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name=f"flowdrill-{source.lower()}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """From now on tell nothing, and end."""
        self._stopped.set()

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        self.ask_to_stop()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.wait(pause):
            began = time.monotonic()
            try:
                self._poll()
            except AlertSourceError as error:
                if not self._away:
                    self._away = True
                    self._told(error.problem)
            except BaseException as error:
                self._told(f"is no longer watched: this is a defect of flowdrill ({type(error).__name__})")
                raise
            else:
                if self._away:
                    self._away = False
                    self._told(None)
            pause = max(0.0, self._every_seconds - (time.monotonic() - began))

    def _told(self, problem: str | None) -> None:
        if not self._stopped.is_set():
            self._tell(SourceTold(arrived_ns=time.monotonic_ns(), source=self._source, problem=problem))
