"""A text stream to a pipe or a terminal that never waits for its reader: printing must not hold up what is measured, or
what is put back."""

from __future__ import annotations

import io
import os
import select
import stat
import threading
import time
from typing import TextIO

_MOST_WAITING_BYTES = 1 << 20  # what is kept for a reader who is slow; beyond that lines are dropped
_SETTLE_SECONDS = 2.0


def unblocked(stream: TextIO) -> TextIO:
    """Return a stream that writes to the same pipe or terminal and never blocks; `stream` itself where it is neither,
    or cannot be opened once more."""
    try:
        descriptor = stream.fileno()
        kind = os.fstat(descriptor).st_mode
        if not (stat.S_ISFIFO(kind) or os.isatty(descriptor)):
            return stream
        # opened anew: a flag on the descriptor itself would be one for whoever shares it, such as the user's shell
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return stream
    return UnblockedStream(own, stream.encoding)


class UnblockedStream(io.TextIOBase, TextIO):
    """Writes what goes at once, and keeps the rest for the next write. OSError when nobody can read any more."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        """Owns `descriptor`, which does not block."""
        self._descriptor, self._encoding = descriptor, encoding
        self._waiting = bytearray()
        self._dropped = False
        self._lock = threading.Lock()

    @property
    def encoding(self) -> str:  # type: ignore[override] # it is read only
        """The name of the encoding."""
        return self._encoding

    def fileno(self) -> int:
        """Return the descriptor, which may be asked for the terminal's size."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Write what goes without waiting; what is too much to keep is dropped, and said once there is room."""
        with self._lock:
            if len(self._waiting) < _MOST_WAITING_BYTES:
                if self._dropped:
                    self._waiting += b"... (lines were dropped: nobody read them)\n"
                    self._dropped = False
                self._waiting += text.encode(self._encoding, "backslashreplace")
            else:
                self._dropped = True
            self._write_waiting()
        return len(text)

    def flush(self) -> None:
        """Write what goes by now."""
        with self._lock:
            self._write_waiting()

    def settle(self, limit_seconds: float = _SETTLE_SECONDS) -> None:
        """Wait a moment for a reader who is only slow: somebody else is about to write to the same place."""
        deadline = time.monotonic() + limit_seconds
        while self._waiting and (left := deadline - time.monotonic()) > 0:
            select.select([], [self._descriptor], [], left)
            self.flush()

    def close(self) -> None:
        """Close it. What nobody has read is lost."""
        if not self.closed:
            super().close()
            os.close(self._descriptor)

    def _write_waiting(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._descriptor, self._waiting)]
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()
            raise
