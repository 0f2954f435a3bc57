"""Events are kept for an hour, and never more than some thousands: they are news, not records."""

from __future__ import annotations

from datetime import datetime, timedelta

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import EVENTS, Json
from flowdrill.cluster.controllers.loop import Key

_KEPT = timedelta(hours=1)
_MOST_EVENTS = 5_000
_MOST_DELETIONS = 200  # at a time
_BETWEEN_LOOKS = timedelta(seconds=10)  # looking through thousands of events at each new one would cost too much
_EVERYTHING: tuple[Key, ...] = ((None, "events"),)


class EventExpiry:
    """Removes old events, and the oldest of too many."""

    name = "event-expiry"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._next_look: datetime | None = None
        self.watches = {EVENTS: lambda _event: _EVERYTHING}

    def sync(self, _key: Key) -> float | None:
        """Remove what is due; return when to look again."""
        now = self._objects.now()
        if self._next_look is not None and now < self._next_look:
            return (self._next_look - now).total_seconds()
        oldest_first = sorted(self._objects.select(EVENTS), key=last_seen)
        limit = _text(now - _KEPT)
        too_many = len(oldest_first) - _MOST_EVENTS
        due = [one for place, one in enumerate(oldest_first) if place < too_many or last_seen(one) < limit]
        for one in due[:_MOST_DELETIONS]:
            self._objects.delete(EVENTS, one["metadata"]["namespace"], one["metadata"]["name"])
        if len(due) > _MOST_DELETIONS:
            return 0.0
        self._next_look = now + _BETWEEN_LOOKS
        return _BETWEEN_LOOKS.total_seconds() if len(oldest_first) > len(due) else None


def last_seen(event: Json) -> str:
    """Return when an event was made or last repeated, as RFC 3339 text, which sorts as the time does."""
    made = str(event["metadata"].get("creationTimestamp"))
    repeated = event.get("lastTimestamp")
    return max(made, repeated) if isinstance(repeated, str) else made


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
