"""What the harness and a load's master in the cluster say to each other, in one stream of bytes each way.

Parcels go from the pod to the harness: each has a number, is kept until the harness has it, and is sent again on a new
connection. Everything else is said once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_HEAD = struct.Struct(">BQI")  # kind, number, length of what follows
HEAD_BYTES = _HEAD.size
LARGEST_CONTENT = 4 << 20
_CLOCK = struct.Struct(">QQQ")


class Said(IntEnum):
    """What a message is, and what its number means."""

    HELLO = 1  # to the pod: the number of the parcel that is wanted next; its content tells whose harness it is
    HAVE = 2  # to the pod: all parcels before this number have come
    ASK = 3  # to the pod: what is your clock? with a number of the asker's
    STOP = 4  # to the pod: end the load
    CLOCK = 10  # from the pod: the answer to the question of this number
    FRAMES = 11  # a parcel: bytes that Locust wrote for the harness
    FILE = 12  # a parcel: a file that the load has written
    ENDED = 13  # the last parcel: how the load has ended


PARCELS = frozenset({Said.FRAMES, Said.FILE, Said.ENDED})


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    said: Said
    number: int
    content: bytes = b""

    def pack(self) -> bytes:
        """Return its bytes."""
        return _HEAD.pack(self.said, self.number, len(self.content)) + self.content


class Unpacking:
    """Makes messages of bytes as they arrive. ValueError when they are none: then nothing that follows can be read."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, data: bytes) -> list[Message]:
        """Return the messages that are complete by now."""
        self._rest += data
        found, at = list[Message](), 0
        while len(self._rest) - at >= HEAD_BYTES:
            kind, number, length = _HEAD.unpack_from(self._rest, at)
            if length > LARGEST_CONTENT:
                raise ValueError(f"a message of {length} bytes")
            end = at + HEAD_BYTES + length
            if len(self._rest) < end:
                break
            found.append(Message(Said(kind), number, bytes(self._rest[at + HEAD_BYTES : end])))
            at = end
        del self._rest[:at]
        return found


@dataclass(frozen=True, slots=True)
class ClockAnswer:
    """When a question came and when its answer left, by the pod's CLOCK_MONOTONIC; and its UTC clock then."""

    came_ns: int
    left_ns: int
    utc_ns: int

    def pack(self) -> bytes:
        """Return its bytes."""
        return _CLOCK.pack(self.came_ns, self.left_ns, self.utc_ns)


def clock_answer(content: bytes) -> ClockAnswer:
    """Return what `pack` wrote; ValueError when it is something else."""
    if len(content) != _CLOCK.size:
        raise ValueError("no answer about a clock")
    return ClockAnswer(*_CLOCK.unpack(content))


@dataclass(frozen=True, slots=True)
class Ending:
    """How the load has ended."""

    exit_code: int
    words: str  # the last ones of Locust's log, or why it was stopped

    def pack(self) -> bytes:
        """Return its bytes."""
        return struct.pack(">i", self.exit_code) + self.words.encode("utf-8", "replace")


def ending(content: bytes) -> Ending:
    """Return what `pack` wrote; ValueError when it is something else."""
    if len(content) < 4:
        raise ValueError("no ending")
    return Ending(struct.unpack_from(">i", content)[0], content[4:].decode("utf-8", "replace"))


def packed_file(name: str, content: bytes) -> bytes:
    """Return a file as a parcel's content: its name, a zero byte, its bytes."""
    return name.encode() + b"\0" + content


def unpacked_file(content: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes; ValueError when it is no file."""
    name, zero, data = content.partition(b"\0")
    if not zero:
        raise ValueError("no file")
    return name.decode("ascii"), data
