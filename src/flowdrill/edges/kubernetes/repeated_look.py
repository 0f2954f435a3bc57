"""A thread that looks at one object again and again, for what a watch does not tell."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from flowdrill.engine.facts import Tell
from flowdrill.errors import ClusterError

_STOP_SECONDS = 5.0


class RepeatedLook(ABC):
    """A `Source`. An API server that is away is not told here: the watch tells that."""

    def __init__(self, name: str, every_seconds: float) -> None:
        self._name, self._every_seconds = name, every_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is seen."""
        self._thread = threading.Thread(target=self._run, args=(tell,), name=self._name, daemon=True)
        self._thread.start()

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_SECONDS)

    @abstractmethod
    def _look(self, tell: Tell) -> None:
        """Look once. A ClusterError means: not this time."""

    def _run(self, tell: Tell) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                self._look(tell)
            except ClusterError:
                continue
