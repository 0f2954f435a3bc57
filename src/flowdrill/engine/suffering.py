"""Who suffers around the drill: the namespace's other workloads, the nodes, and whoever's alerts fire."""

from __future__ import annotations

from flowdrill.engine.facts import OutsideAlertsSeen
from flowdrill.model.around import Neighbour, NodeState
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns
from flowdrill.model.quantity import format_seconds

SUFFERS_SECONDS = 5.0  # how long another workload must have fewer ready replicas than before
_MOST_ALERTS_NAMED = 3


class Neighbours:
    """The other workloads. What each was able to do is the most replicas that were ready at once before the break."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._now: dict[str, Neighbour] = {}
        self._short_since_ns: dict[str, int] = {}

    def see(self, seen: Neighbour, arrived_ns: int, *, broken: bool) -> None:
        """Take in one of them; `broken`: the break has been asked for."""
        if not broken:
            self._before[seen.name] = max(seen.ready, self._before.get(seen.name, 0))
        self._now[seen.name] = seen
        if self._is_short(seen):
            self._short_since_ns.setdefault(seen.name, arrived_ns)
        else:
            self._short_since_ns.pop(seen.name, None)

    def lose_sight(self) -> None:
        """They can no longer be seen: whatever was short then may have recovered long ago."""
        self._short_since_ns.clear()

    def suffering(self, now_ns: int) -> str | None:
        """Return which one has been short of ready replicas for too long, in words; None when there is none."""
        for name, since_ns in self._short_since_ns.items():
            if now_ns - since_ns >= seconds_to_ns(SUFFERS_SECONDS):
                seen, lasted = self._now[name], format_seconds(ns_to_seconds(now_ns - since_ns))
                rolling = ", in a rollout of its own" if seen.rolling else ""
                had = self._before[name]
                return f"{name} has {seen.ready} of {seen.wanted} replicas ready for {lasted}, and had {had}{rolling}"
        return None

    def _is_short(self, seen: Neighbour) -> bool:
        """One that somebody scales down, or deletes, does not suffer by it."""
        return seen.ready < min(self._before.get(seen.name, 0), seen.wanted)


class Nodes:
    """The nodes that were ready once while the run looked."""

    def __init__(self) -> None:
        self._ready: set[str] = set()
        self._lost: dict[str, str] = {}  # node -> what it says

    def see(self, seen: NodeState) -> None:
        """Take in one of them."""
        if seen.ready:
            self._ready.add(seen.name)
            self._lost.pop(seen.name, None)
        elif seen.name in self._ready:
            self._lost[seen.name] = seen.says

    def lost(self) -> str | None:
        """Return which one is no longer ready, in words; None when there is none."""
        name = next(iter(self._lost), None)
        return None if name is None else f"node {name} was ready: {self._lost[name]}"


class OutsideAlerts:
    """The alerts that are not the drill's. What fired before the break, or at the first look, is not its doing."""

    def __init__(self) -> None:
        self._known: frozenset[str] | None = None
        self._new: frozenset[str] = frozenset()

    def see(self, seen: OutsideAlertsSeen, broken_ns: int) -> None:
        """Take in which ones fire; `broken_ns`: when the break was asked for, 0 before."""
        if self._known is None or not broken_ns or seen.asked_ns < broken_ns:
            self._known = (self._known or frozenset()) | seen.firing
        self._new = seen.firing - self._known

    def firing(self) -> str | None:
        """Return which ones have begun to fire, in words; None when there are none."""
        names = sorted(self._new)
        if not names:
            return None
        more = f" and {len(names) - _MOST_ALERTS_NAMED} more" if len(names) > _MOST_ALERTS_NAMED else ""
        shown = f"{', '.join(names[:_MOST_ALERTS_NAMED])}{more}"
        if len(names) == 1:
            return f"alert {shown} fires, and was quiet before the break"
        return f"alerts {shown} fire, and were quiet before the break"
