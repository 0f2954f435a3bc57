"""One request's fate, and the record it travels in from Locust to the harness and into `outcomes.bin`.

The Locust processes import this module too: it stays small and imports nothing but the standard library.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

# kind u8, reason u8, HTTP status u16 (0 = no answer), sequence u32; intended, sent, finished u64 in CLOCK_MONOTONIC ns
_RECORD = struct.Struct("<BBHIQQQ")
RECORD_BYTES = _RECORD.size
FILE_HEADER = b"flowdrill outcomes 1\n".ljust(RECORD_BYTES, b"\0")


class RecordKind(IntEnum):
    """Whether the request has just left or has come back."""

    SENT = 1
    FINISHED = 2


class Reason(IntEnum):
    """Why an answer is good or bad. The names appear in reports in lower case."""

    GOOD = 0
    HTTP_STATUS = 1  # an HTTP status of 400 or above
    FLOW_ERROR = 2  # the body says that the flow failed, whatever the status
    WRONG_ANSWER = 3  # the flow answered, but not with what is expected
    MALFORMED = 4  # the body is not what the route promises (no JSON, other shape)
    CONNECTION = 5  # refused, reset, closed early
    NO_ANSWER = 6  # the client's time limit passed
    TOO_SLOW = 7  # its age passed the latency objective, whether or not an answer came later


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the stream: a request that left (`finished_ns` = 0) or that came back."""

    kind: RecordKind
    reason: Reason
    http_status: int
    sequence: int
    intended_ns: int
    sent_ns: int
    finished_ns: int

    def pack(self) -> bytes:
        """Return the record's `RECORD_BYTES` bytes."""
        return _RECORD.pack(
            self.kind, self.reason, self.http_status, self.sequence, self.intended_ns, self.sent_ns, self.finished_ns
        )


def unpack_records(data: bytes | memoryview) -> list[Record]:
    """Return the whole records in `data`, whose length must be a multiple of RECORD_BYTES; ValueError when one is
    not a record (unknown kind or reason)."""
    return [
        Record(RecordKind(kind), Reason(reason), status, sequence, intended, sent, finished)
        for kind, reason, status, sequence, intended, sent, finished in _RECORD.iter_unpack(data)
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request whose fate is known: good, or bad for a reason, since `known_ns`.

    `known_ns` is when the answer came, or when the request's age passed the latency objective, whichever was first.
    `requests`: how many it stands for. More than one where workers send bins (`model.outcome_bins`): then this is one
    of them exactly, and the others became known within the same few milliseconds.
    """

    sequence: int
    intended_ns: int
    sent_ns: int
    known_ns: int
    reason: Reason
    http_status: int | None
    requests: int = 1

    @property
    def bad(self) -> bool:
        """Whether a user of the service would call it failed."""
        return self.reason is not Reason.GOOD
