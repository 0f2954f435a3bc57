"""The byte stream that a Locust master writes to the harness, and that `outcomes.bins` keeps as it came.

A frame is its body's length (u32), its kind (u8), the body, and the body's CRC-32 begun with the kind (u32); numbers
are little-endian. The first is Hello. All instants are **stream time**: nanoseconds since `Hello.t0_ns` of the master's
CLOCK_MONOTONIC.

Clocks. A worker turns its own clock into stream time with an offset that it measured once, before it began, and never
changes; what is measured later says by how much that is wrong: worker's stream time + e = stream time, e in [earliest,
latest]. Worker 0 stands for the harness, which writes these frames itself as it reads the stream: harness clock =
t0_ns + offset_ns + stream time + e. So whoever carries the stream gives intervals of (harness clock - master's clock),
measured as NTP does: harness notes a, master answers with its clock m, harness notes b; then the offset lies in
[a - m, b - m]. On one host both are one clock: offset 0, e in [0, 0]. Nothing before the first of these frames counts.

The standard library only: Locust's processes import this.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

BINS_HEADER = b"flowdrill outcome bins 1\n".ljust(32, b"\0")  # of the file; the stream itself begins with Hello
STREAM_VERSION = 1
MOST_WORKERS = 1000
HARNESS = 0  # the worker whose clock frames are about the harness
NO_SHARE = 0xFFFF
MOST_BODY_BYTES = 1 << 20
MOST_TEXT_BYTES = 16384
_HEAD = struct.Struct("<IB")
_CRC = struct.Struct("<I")
_HELLO = struct.Struct("<HqHdQ")  # version, t0_ns, shares, requests per second, latency objective in ns
_WORKER = struct.Struct("<HHqB")  # worker, share, at_ns, what; then text
_CLOCK = struct.Struct("<Hqqqqq")  # worker, at_ns, offset_ns, earliest_ns, latest_ns, utc_ahead_ns
_REPORT = struct.Struct("<H")  # worker; then `outcome_bins.WorkerReport`


class FrameKind(IntEnum):
    """What a frame's body is."""

    HELLO = 1
    WORKER = 2
    CLOCK = 3
    REPORT = 4
    SAMPLE = 5
    END = 6


class WorkerNews(IntEnum):
    """What became of a worker."""

    JOINED = 1  # before the schedule began; `text` is its name
    JOINED_LATE = 2  # after that; it takes a share that nobody has, or waits for one
    TOOK_SHARE = 3  # from `at_ns` on it sends this share of the schedule
    LEFT = 4  # said so, or its heartbeat is missing; its share is nobody's until another worker takes it
    DAMAGED = 5  # sent what is no report; `text` says why


@dataclass(frozen=True, slots=True)
class Hello:
    """How the load is sent. Request n of share k is due at (n * shares + k) / requests_per_second after t0."""

    t0_ns: int  # the master's CLOCK_MONOTONIC
    shares: int
    requests_per_second: float
    latency_objective_ns: int


@dataclass(frozen=True, slots=True)
class WorkerTold:
    """Something became of a worker. Workers are numbered from 1 in the order in which they joined; `share` is NO_SHARE
    where it has none."""

    worker: int
    share: int
    at_ns: int
    news: WorkerNews
    text: str = ""


@dataclass(frozen=True, slots=True)
class ClockTold:
    """A worker's clock was compared with the stream's at `at_ns` (see above). `offset_ns`: what it takes off its own
    clock's difference; the same in all frames of a worker. `utc_ahead_ns`: how far its UTC clock is before the
    master's, which nothing is computed from."""

    worker: int
    at_ns: int
    offset_ns: int
    earliest_ns: int
    latest_ns: int
    utc_ahead_ns: int = 0


@dataclass(frozen=True, slots=True)
class ReportCame:
    """A worker's report, still packed (`outcome_bins.unpack_report`)."""

    worker: int
    report: bytes


@dataclass(frozen=True, slots=True)
class SampleCame:
    """A bad answer: one line of JSON, as `load/bad-answers.jsonl` has them."""

    line: str


@dataclass(frozen=True, slots=True)
class MasterEnded:
    """The master has stopped, and nothing follows; a stream that ends without it was cut off."""


Frame = Hello | WorkerTold | ClockTold | ReportCame | SampleCame | MasterEnded


def pack_frame(frame: Frame) -> bytes:
    """Return the frame's bytes."""
    kind, body = _packed(frame)
    return b"".join((_HEAD.pack(len(body), kind), body, _CRC.pack(_crc(kind, body))))


def _packed(frame: Frame) -> tuple[FrameKind, bytes]:
    match frame:
        case Hello():
            fields = (frame.t0_ns, frame.shares, frame.requests_per_second, frame.latency_objective_ns)
            return FrameKind.HELLO, _HELLO.pack(STREAM_VERSION, *fields)
        case WorkerTold():
            text = frame.text.encode("utf-8", "backslashreplace")[:MOST_TEXT_BYTES]
            return FrameKind.WORKER, _WORKER.pack(frame.worker, frame.share, frame.at_ns, frame.news) + text
        case ClockTold():
            clock = (frame.at_ns, frame.offset_ns, frame.earliest_ns, frame.latest_ns, frame.utc_ahead_ns)
            return FrameKind.CLOCK, _CLOCK.pack(frame.worker, *clock)
        case ReportCame():
            return FrameKind.REPORT, _REPORT.pack(frame.worker) + frame.report
        case SampleCame():
            return FrameKind.SAMPLE, frame.line.encode("utf-8", "backslashreplace")
        case MasterEnded():
            return FrameKind.END, b""


class FrameReader:
    """Takes the stream in any pieces. ValueError when it is no such stream: from there on nothing can be read."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def torn(self) -> bytes:
        """What has come of a frame that is not whole yet."""
        return self._rest

    def take(self, data: bytes) -> list[tuple[Frame, bytes]]:
        """Return the frames that are whole now, each with its bytes."""
        data = self._rest + data
        found, at = [], 0
        while len(data) - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(data, at)
            if length > MOST_BODY_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            body_at, end = at + _HEAD.size, at + _HEAD.size + length + _CRC.size
            if end > len(data):
                break
            body = data[body_at : body_at + length]
            if _CRC.unpack_from(data, body_at + length)[0] != _crc(kind, body):
                raise ValueError("a frame whose checksum is another one")
            found.append((_unpacked(kind, body), data[at:end]))
            at = end
        self._rest = data[at:]
        return found


def _unpacked(kind: int, body: bytes) -> Frame:
    try:
        match FrameKind(kind):
            case FrameKind.HELLO:
                return _hello(body)
            case FrameKind.WORKER:
                worker, share, at_ns, news = _WORKER.unpack_from(body)
                text = body[_WORKER.size :].decode("utf-8", "replace")
                return WorkerTold(_worker(worker), share, at_ns, WorkerNews(news), text)
            case FrameKind.CLOCK:
                return _clock(ClockTold(*_CLOCK.unpack(body)))
            case FrameKind.REPORT:
                (worker,) = _REPORT.unpack_from(body)
                return ReportCame(_worker(worker), body[_REPORT.size :])
            case FrameKind.SAMPLE:
                return SampleCame(body.decode("utf-8", "replace"))
            case FrameKind.END:
                return MasterEnded()
    except struct.error as error:
        raise ValueError(f"a frame that is too short or too long: {error}") from error


def _hello(body: bytes) -> Hello:
    version, t0_ns, shares, rate, objective_ns = _HELLO.unpack(body)
    if version != STREAM_VERSION:
        raise ValueError(f"a stream of version {version}, and this flowdrill reads {STREAM_VERSION}")
    if not 1 <= shares <= MOST_WORKERS or not 0 < rate <= 1e9 or not -(2**62) < t0_ns < 2**62:
        raise ValueError("a stream whose beginning says what cannot be")
    return Hello(t0_ns, shares, rate, objective_ns)


def _worker(number: int) -> int:
    if number == HARNESS:
        raise ValueError("worker 0 is the harness, which sends no requests")
    return number


def _clock(told: ClockTold) -> ClockTold:
    if told.earliest_ns > told.latest_ns or max(map(abs, (told.earliest_ns, told.latest_ns, told.offset_ns))) > 2**62:
        raise ValueError("a clock's offset that ends before it begins, or is beyond all time")
    return told


def _crc(kind: int, body: bytes) -> int:
    return zlib.crc32(body, kind)
