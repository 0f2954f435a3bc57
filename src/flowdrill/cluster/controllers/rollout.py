"""The arithmetic of a rolling update: how many pods which ReplicaSet may have next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """One ReplicaSet's part of a Deployment."""

    name: str
    replicas: int  # wanted of it
    available: int  # counted before the last scaling took effect: there may be more than wanted
    most_before: int = 0  # what `max-replicas` said when it was last scaled


def resolved(value: Any, total: int, *, up: bool) -> int:
    """Return a number or a percentage of `total`, rounded up or down."""
    if isinstance(value, str):
        hundredfold = int(value.rstrip("%")) * total
        return -(-hundredfold // 100) if up else hundredfold // 100
    return int(value or 0)


def surge_and_unavailable(max_surge: Any, max_unavailable: Any, wanted: int) -> tuple[int, int]:
    """Return both as numbers; at least one of them is not 0, or nothing could ever move."""
    surge, unavailable = resolved(max_surge, wanted, up=True), resolved(max_unavailable, wanted, up=False)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def next_shares(new: Share, old: Sequence[Share], wanted: int, surge: int, unavailable: int) -> dict[str, int]:
    """Return what to scale to now, by name; nothing when nothing may move. `old` comes oldest first."""
    grown = _grown(new, old, wanted, surge)
    if grown != new.replicas:
        return {new.name: grown}
    total = new.replicas + sum(one.replicas for one in old)
    least = wanted - min(unavailable, wanted)
    room = total - least - max(0, new.replicas - new.available)
    if room <= 0:
        return {}
    left = list(old)
    for number, one in enumerate(left):  # first those pods that serve nobody anyway
        idle = min(room, max(0, one.replicas - one.available))
        left[number], room = replace(one, replicas=one.replicas - idle), room - idle
    spare = sum(min(one.available, one.replicas) for one in (new, *old)) - least
    for number, one in enumerate(left):
        fewer = min(max(0, spare), one.replicas)
        left[number], spare = replace(one, replicas=one.replicas - fewer), spare - fewer
    return {after.name: after.replicas for before, after in zip(old, left, strict=True) if before != after}


def proportional(shares: Sequence[Share], wanted: int, surge: int) -> dict[str, int]:
    """Return the sizes after the Deployment was scaled in the midst of a rollout: every ReplicaSet in proportion, the
    rounding goes to the largest. `shares` comes oldest first: of equally large ones the newer grow first and the older
    shrink first."""
    allowed = wanted + surge if wanted else 0
    total = sum(one.replicas for one in shares)
    to_add = allowed - total
    if to_add == 0 or not shares:
        return {one.name: one.replicas for one in shares}
    largest_first = sorted(reversed(shares) if to_add > 0 else shares, key=lambda one: -one.replicas)
    sizes, left = {}, to_add
    for one in largest_first:
        fraction = _half_up(one.replicas * allowed, one.most_before or total or 1) - one.replicas
        fraction = min(max(fraction, 0), left) if to_add > 0 else max(min(fraction, 0), left)
        sizes[one.name], left = one.replicas + fraction, left - fraction
    first = largest_first[0].name
    sizes[first] = max(0, sizes[first] + left)
    return sizes


def _half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)


def _grown(new: Share, old: Sequence[Share], wanted: int, surge: int) -> int:
    if new.replicas >= wanted:
        return wanted
    total = new.replicas + sum(one.replicas for one in old)
    return new.replicas + max(0, min(wanted + surge - total, wanted - new.replicas))
