"""What a limit looks at on the cluster, watched: each object is told when it is first seen and when it has changed.

What may not be read, or cannot be for half a minute, is told as unknown: it ends nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.watching import Listing, ListWatch
from flowdrill.engine.facts import AroundSeen, Fact, LookTold, Tell, WatchLost
from flowdrill.model.around import Surrounding
from flowdrill.model.json_shapes import as_mappings, as_text, inside
from flowdrill.model.limits_plan import LimitName

Read = Callable[[str, Json], Surrounding | None]  # of (what is listed, an object); None: it is nobody's business
_LOST_AFTER_SECONDS = 30.0
_STOP_SECONDS = 10.0


class LimitLook:
    """A `Source` for one limit. The first lists are had by its threads: who starts it waits for nothing."""

    def __init__(
        self, api: Api, limit: LimitName, paths: Mapping[str, str], read: Read,
        lost_after_seconds: float = _LOST_AFTER_SECONDS,
    ) -> None:  # fmt: skip
        """`paths`: where each of the things is listed."""
        self._api, self._limit, self._paths, self._read = api, limit, paths, read
        self._lost_after_seconds = lost_after_seconds
        self._watches: tuple[ListWatch[str], ...] = ()

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is seen."""
        state = _Seen(self._limit, frozenset(self._paths), self._read, tell)
        self._watches = tuple(
            ListWatch(
                api=self._api,
                listing=Listing(what, path),
                state=state,
                tell=state.lost_by(what),
                lost_after_seconds=self._lost_after_seconds,
                may_be_missing=True,
            )
            for what, path in self._paths.items()
        )
        for watch in self._watches:
            watch.thread.start()

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        watches, self._watches = self._watches, ()
        for watch in watches:
            watch.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for watch in watches:
            watch.thread.join(max(0.0, deadline - time.monotonic()))


class _Seen:
    """Joins what the watches of one limit bring, from several threads; tells what is new."""

    def __init__(self, limit: LimitName, expected: frozenset[str], read: Read, tell: Tell) -> None:
        self._limit, self._expected, self._read, self._tell = limit, expected, read, tell
        self._known: dict[str, dict[str, Surrounding]] = {}  # what is listed -> uid -> as told
        self._away: set[str] = set()
        self._complete = False
        self._lock = threading.Lock()

    def replace(self, source: str, items: list[Json], arrived_ns: int) -> None:
        """Take a list as the whole truth about `source`."""
        with self._lock:
            there = {uid: item for item in as_mappings(items) if (uid := _uid(item)) is not None}
            for uid in [*self._known.setdefault(source, {})]:
                if uid not in there:
                    self._forget(source, uid, arrived_ns)
            for uid, item in there.items():
                self._take(source, uid, item, arrived_ns)
            self._is_back(source, arrived_ns)

    def apply(self, source: str, kind: str, item: Json, arrived_ns: int) -> None:
        """Take one event of a watch: ADDED, MODIFIED or DELETED."""
        with self._lock:
            uid = _uid(item)
            if uid is not None and kind == "DELETED":
                self._forget(source, uid, arrived_ns)
            elif uid is not None:
                self._take(source, uid, item, arrived_ns)
            self._is_back(source, arrived_ns)

    def lost_by(self, source: str) -> Tell:
        """Return what is told when the watch of `source` is lost."""

        def tell(fact: Fact) -> None:
            if isinstance(fact, WatchLost):
                with self._lock:
                    self._away.add(source)
                    self._tell(LookTold(fact.arrived_ns, self._limit, printable(fact.problem)))

        return tell

    def _take(self, source: str, uid: str, item: Json, arrived_ns: int) -> None:
        seen = self._read(source, item)
        if seen is not None and seen != self._known[source].get(uid):
            self._known[source][uid] = seen
            self._tell(AroundSeen(arrived_ns, seen))

    def _forget(self, source: str, uid: str, arrived_ns: int) -> None:
        seen = self._known[source].pop(uid, None)
        if seen is not None:
            self._tell(AroundSeen(arrived_ns, seen.gone()))

    def _is_back(self, source: str, arrived_ns: int) -> None:
        was_away = source in self._away
        self._away.discard(source)
        complete = self._known.keys() == self._expected and not self._away
        if complete and (was_away or not self._complete):
            self._complete = True
            self._tell(LookTold(arrived_ns, self._limit, None))


def _uid(item: Json) -> str | None:
    return as_text(inside(item, "metadata").get("uid"))
