"""What keeps a harness from writing once its guard may act in its place."""

from __future__ import annotations

import time

from flowdrill.errors import FencedError


class Fence:
    """Shared by all connections of a run. Open at first; reading never minds it. It closes by itself: a harness that
    was stopped and goes on finds it closed."""

    def __init__(self) -> None:
        self._until_seconds: float | None = None  # by the monotonic clock

    def hold_until(self, monotonic_seconds: float) -> None:
        """Writes are let through until then, and no longer unless this is said again."""
        self._until_seconds = monotonic_seconds

    def refuse_if_closed(self) -> None:
        """FencedError when nothing may be written."""
        until = self._until_seconds
        if until is not None and time.monotonic() > until:
            raise FencedError(
                "nothing is written to the cluster: the drill's Lease could not be renewed, and the guard may act",
                "wait: the guard puts everything back, or this run does once it holds its Lease again",
            )
