"""The inbox: threads put facts in, the engine takes them out one by one."""

from __future__ import annotations

import queue
import time

from flowdrill.engine.facts import Fact


class QueueInbox:
    """The `Inbox` port over a queue that signal handlers may use too (SimpleQueue is reentrant)."""

    def __init__(self) -> None:
        self._facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def tell(self, fact: Fact) -> None:
        """Put a fact in. Never blocks."""
        self._facts.put(fact)

    def next(self, deadline_ns: int) -> Fact | None:
        """Return the next fact, or None at the deadline."""
        wait_seconds = (deadline_ns - time.monotonic_ns()) / 1e9
        try:
            return self._facts.get(timeout=wait_seconds) if wait_seconds > 0 else self._facts.get_nowait()
        except queue.Empty:
            return None
