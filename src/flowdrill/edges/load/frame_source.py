"""Where the frames of a Locust master come from: a pipe on this machine, or a connection to a cluster."""

from __future__ import annotations

from typing import Protocol

from flowdrill.model.load_frames import ClockTold


class FrameSource(Protocol):
    """A running master and its workers, as a byte stream (`model.load_frames`).

    `start` is called by the engine's thread, `read` and `clock` by one other thread; `stop` by either, and perhaps
    twice: the other thread does so when the stream cannot be understood.
    """

    def start(self) -> None:
        """Start the master and its workers; LoadError when they cannot be. The schedule begins by itself once all
        workers have joined."""
        ...

    def read(self) -> bytes:
        """Return the stream's next bytes, as soon as there are some; b"" when it has ended, however it did."""
        ...

    def clock(self) -> ClockTold | None:
        """Return what was measured last of (this host's CLOCK_MONOTONIC - the master's), as a frame of worker 0 with
        `at_ns` on this host's clock; None while nothing was. Called after each `read`: cheap, never waits. `offset_ns`
        is the same in all of them; `earliest_ns` and `latest_ns` are what the difference was beside it."""
        ...

    def stop(self) -> None:
        """Stop everything within the grace that requests under way have, by force if it takes too long; `read` gives
        the last bytes first. Harmless when not running."""
        ...

    def last_words(self) -> tuple[int | None, str]:
        """Return the master's exit code, None where it has none, and the end of its log, redacted."""
        ...

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path in the run folder, what it shows) of what was written there; after `stop`."""
        ...
