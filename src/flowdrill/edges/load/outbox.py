"""Parcels that wait until the harness has them: a bounded number of bytes, in the pod of the load's master."""

from __future__ import annotations

from collections import deque

from flowdrill.model.parcel import HEAD_BYTES, Message, Said

MOST_BYTES = 64 << 20


class Outbox:
    """Numbers parcels from 0 on. When there are too many bytes the oldest are given up, and whoever asks for them finds
    out by the numbers: nothing is lost unseen. Not for several threads at once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self._next = 0

    def put(self, said: Said, content: bytes) -> None:
        """Keep one more parcel."""
        parcel = Message(said, self._next, content)
        self._next += 1
        self._kept.append(parcel)
        self._bytes += _size(parcel)
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popleft())

    def forget(self, before: int) -> None:
        """Let go of all parcels before this number: the harness has them."""
        while self._kept and self._kept[0].number < before:
            self._bytes -= _size(self._kept.popleft())

    def first_from(self, number: int) -> Message | None:
        """Return the first parcel of this number or a later one, None when there is none yet."""
        if not self._kept:
            return None
        at = max(number - self._kept[0].number, 0)
        return self._kept[at] if at < len(self._kept) else None

    @property
    def empty(self) -> bool:
        """Whether the harness has everything."""
        return not self._kept


def _size(parcel: Message) -> int:
    return HEAD_BYTES + len(parcel.content)
