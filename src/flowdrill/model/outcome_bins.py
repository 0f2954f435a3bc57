"""Outcomes as bins: what a worker tells of its requests, so that nothing grows with how many there are.

A bin is 5 ms of the stream's time and one reason: how many outcomes became known in it, and two of them exactly. The
`newest` left last, and the `first` was known first. Whatever the others did, they left before the one and were known
after the other, so the edges of an outage (`analysis.outage`) are found from those two: a good request shows that the
service was up at some moment between its two instants, and one that is left out takes no such moment back.

Bins of one key merge: counts add up, the newest of two newest is the newest. In which order, and in which groups, is
the same. A slot (100 ms, as the detector's) has 20 bins of each reason at most.

Stream time is nanoseconds since t0, the beginning of slot 0 and of the schedule; see `model.load_frames`. The standard
library only: Locust's processes import this.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from flowdrill.model.latency_buckets import GREATEST_BUCKET
from flowdrill.model.outcome import Reason

BIN_NS = 5_000_000
BINS_PER_SLOT = 20
BINNED_SLOT_NS = BIN_NS * BINS_PER_SLOT
GREATEST_STREAM_NS = BIN_NS * (2**32 - 1)  # eight months
_GREATEST_AGE_NS = 2**61


class Bin(NamedTuple):
    """The outcomes of one reason that became known in [number, number + 1) * BIN_NS. `newest`: of those that left last,
    the one known first; `first`: of those known first, the one that left last. Times in stream time."""

    number: int
    reason: int  # a Reason's value
    outcomes: int
    newest_sent_ns: int
    newest_known_ns: int
    first_sent_ns: int
    first_known_ns: int


def merged(one: Bin, other: Bin) -> Bin:
    """Return what two bins of the same number and reason hold together."""
    newest = max((one[3], -one[4]), (other[3], -other[4]))
    first = min((one[6], -one[5]), (other[6], -other[5]))
    return Bin(one.number, one.reason, one.outcomes + other.outcomes, newest[0], -newest[1], -first[1], first[0])


LatencyCount: TypeAlias = tuple[int, int, int]
"""Slot, bucket (`model.latency_buckets`), how many requests took so long, of those whose fate became known in the slot.
One that passed the latency objective counts with it; one that got no answer does not count."""

SlotCount: TypeAlias = tuple[int, int]
"""Slot, how many requests left in it."""

LagCount: TypeAlias = tuple[int, int]
"""Bucket, how many requests left so late against their schedule."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker tells at the end of each slot: everything that is new since its last report.

    `number` counts its reports from 0: one that is missing is a gap, one that comes again is no news. Every outcome
    known before `complete_ns` is in this report or in an earlier one. `due` requests should have left by then by the
    schedule of its share, and `sent` have, since it holds the share; `in_flight` have no fate yet. Such a request
    counts as bad once its age passes the latency objective, by the worker's own clock: the harness need not know of it.
    """

    number: int
    complete_ns: int
    due: int
    sent: int
    in_flight: int
    bins: tuple[Bin, ...] = ()
    latencies: tuple[LatencyCount, ...] = ()
    left: tuple[SlotCount, ...] = ()
    lags: tuple[LagCount, ...] = ()

    def pack(self) -> bytes:
        """Return the report's bytes, as a Locust message and a frame carry them."""
        sizes = (len(self.bins), len(self.latencies), len(self.left), len(self.lags))
        return b"".join(
            (
                _HEAD.pack(self.number, self.complete_ns, self.due, self.sent, self.in_flight, *sizes),
                *map(_packed_bin, self.bins),
                *(_LATENCY.pack(*one) for one in self.latencies),
                *(_SLOT.pack(*one) for one in self.left),
                *(_LAG.pack(*one) for one in self.lags),
            )
        )


# number u32; complete_ns, due, sent u64; in_flight u32; how many bins, latencies, slots, lags follow u16
_HEAD = struct.Struct("<IQQQIHHHH")
# index u32, reason u8, count u32; of newest and first: known since the bin's beginning u32, age u64
_BIN = struct.Struct("<IBIIQIQ")
_LATENCY = struct.Struct("<IHI")
_SLOT = struct.Struct("<II")
_LAG = struct.Struct("<HI")
_LAST_REASON = max(Reason)


def _packed_bin(one: Bin) -> bytes:
    start_ns = one.number * BIN_NS
    return _BIN.pack(
        one.number,
        one.reason,
        one.outcomes,
        one.newest_known_ns - start_ns,
        one.newest_known_ns - one.newest_sent_ns,
        one.first_known_ns - start_ns,
        one.first_known_ns - one.first_sent_ns,
    )


def unpack_report(data: bytes | memoryview) -> WorkerReport:
    """Return the report that `pack` wrote; ValueError when `data` is anything else, or says what cannot be."""
    if len(data) < _HEAD.size:
        raise ValueError(f"a report of {len(data)} bytes")
    number, complete_ns, due, sent, in_flight, bins, latencies, left, lags = _HEAD.unpack_from(data)
    ends = list(accumulate((_HEAD.size, bins * _BIN.size, latencies * _LATENCY.size, left * _SLOT.size)))
    if len(data) != ends[-1] + lags * _LAG.size:
        raise ValueError(f"a report of {len(data)} bytes that should have {ends[-1] + lags * _LAG.size}")
    report = WorkerReport(
        number,
        complete_ns,
        due,
        sent,
        in_flight,
        tuple([_bin_of(*fields) for fields in _BIN.iter_unpack(data[ends[0] : ends[1]])]),
        tuple(_LATENCY.iter_unpack(data[ends[1] : ends[2]])),
        tuple(_SLOT.iter_unpack(data[ends[2] : ends[3]])),
        tuple(_LAG.iter_unpack(data[ends[3] :])),
    )
    _check(report)
    return report


def _bin_of(
    number: int, reason: int, outcomes: int, newest_ns: int, newest_age_ns: int, first_ns: int, first_age_ns: int
) -> Bin:
    if reason > _LAST_REASON or not outcomes or not first_ns <= newest_ns < BIN_NS:
        raise ValueError("a bin of no known reason, of nothing, or with instants outside of it")
    newest_sent_ns, first_sent_ns = newest_ns - newest_age_ns, first_ns - first_age_ns
    if newest_age_ns > _GREATEST_AGE_NS or first_sent_ns > newest_sent_ns:
        raise ValueError("a bin whose newest request left before its first, or before all time")
    start_ns = number * BIN_NS
    ends_ns = (start_ns + newest_sent_ns, start_ns + newest_ns, start_ns + first_sent_ns, start_ns + first_ns)
    return Bin._make((number, reason, outcomes, *ends_ns))


def _check(report: WorkerReport) -> None:
    if report.complete_ns > GREATEST_STREAM_NS:
        raise ValueError("a report from after the end of time")
    buckets = [one[1] for one in report.latencies] + [one[0] for one in report.lags]
    if buckets and max(buckets) > GREATEST_BUCKET:
        raise ValueError("a bucket beyond the last")
