"""How long something took, as the number of a bucket: log-linear, so that the relative error is the same everywhere.

Every power of two has 64 buckets of equal width; below 64 ns a bucket is one nanosecond. Counts of buckets add up, on
whatever machine they were made. The standard library only: Locust's processes import this.
"""

from __future__ import annotations

from collections.abc import Iterable

_PER_POWER_BITS = 6
_PER_POWER = 1 << _PER_POWER_BITS
GREATEST_BUCKET = _PER_POWER * (65 - _PER_POWER_BITS) - 1
RELATIVE_ERROR = 0.5 / _PER_POWER  # of a bucket's middle against whatever fell into it: 0.8 %


def bucket_of(ns: int) -> int:
    """Return the bucket of a time; what is negative falls into the first, what is beyond 64 bits into the last."""
    if ns < _PER_POWER:
        return max(ns, 0)
    power = ns.bit_length() - _PER_POWER_BITS - 1
    return min(GREATEST_BUCKET, (power << _PER_POWER_BITS) + (ns >> power))


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """Return the least and the greatest time of a bucket, in nanoseconds."""
    if bucket < _PER_POWER:
        return bucket, bucket
    power = (bucket >> _PER_POWER_BITS) - 1
    least = (bucket - (power << _PER_POWER_BITS)) << power
    return least, least + (1 << power) - 1


def bucket_middle(bucket: int) -> int:
    """Return the time that a bucket stands for, off by at most RELATIVE_ERROR."""
    least, greatest = bucket_bounds(bucket)
    return (least + greatest) // 2


def bucket_at_rank(counts: Iterable[tuple[int, int]], rank: int) -> int | None:
    """Return the bucket of the `rank`th shortest time (from 0); None when there are no more than that."""
    for bucket, count in sorted(counts):
        rank -= count
        if rank < 0:
            return bucket
    return None
