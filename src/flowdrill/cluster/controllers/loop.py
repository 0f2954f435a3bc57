"""The one loop that all controllers share: something changed, so look at what it concerns again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.store import Change, Store

Key = tuple[str | None, str]  # namespace and name of what a controller looks after
_SLICE_SECONDS = 0.01  # the API and the proxies get their turn at least this often
_LONGEST_BACK_OFF_SECONDS = 10.0
_MOST_DOUBLINGS = 10  # of the first hundredth of a second: then the longest back-off is reached

_log = logging.getLogger(__name__)


class Controller(Protocol):
    """Brings one object at a time nearer to what it should be."""

    @property
    def name(self) -> str:
        """Unique among the controllers."""
        ...

    @property
    def watches(self) -> Mapping[ResourceType, Callable[[Json], Iterable[Key]]]:
        """For every resource that matters: which keys a changed object concerns. Asked of the old and the new state."""
        ...

    def sync(self, key: Key) -> float | None:
        """Look at what there is now and write what should be; seconds after which to look again at the latest, or
        None. Must bear being called at any time, and must not write when nothing has to change."""
        ...


class ControllerLoop:
    """Runs controllers in the event loop's thread. A sync that is refused (StatusError) is tried again later."""

    def __init__(self, store: Store, controllers: Iterable[Controller]) -> None:
        self._store = store
        self._controllers = {one.name: one for one in controllers}
        self._queue: deque[tuple[str, Key]] = deque()
        self._queued: set[tuple[str, Key]] = set()
        self._timers: dict[tuple[str, Key], asyncio.TimerHandle] = {}
        self._failures: dict[tuple[str, Key], int] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Look at everything once, then at whatever changes, until cancelled."""
        end = self._store.subscribe(self._changed)
        try:
            for controller in self._controllers.values():
                for resource, concerned in controller.watches.items():
                    for value in self._store.all(resource):
                        self._add(controller.name, concerned(value))
            while True:
                await self._wake.wait()
                self._work_for_a_while()
                await asyncio.sleep(0)  # let the others have their turn
        finally:
            end()
            for timer in self._timers.values():
                timer.cancel()

    def _changed(self, change: Change) -> None:
        for controller in self._controllers.values():
            concerned = controller.watches.get(change.resource)
            if concerned is None:
                continue
            for state in (change.previous, change.object):
                if state is not None:
                    self._add(controller.name, concerned(state))

    def _add(self, name: str, keys: Iterable[Key]) -> None:
        for key in keys:
            if (name, key) not in self._queued:
                self._queued.add((name, key))
                self._queue.append((name, key))
        if self._queue:
            self._wake.set()

    def _work_for_a_while(self) -> None:
        clock = asyncio.get_running_loop().time
        end = clock() + _SLICE_SECONDS
        while self._queue and clock() < end:
            item = self._queue.popleft()
            self._queued.discard(item)
            self._sync(item)
        if not self._queue:
            self._wake.clear()

    def _sync(self, item: tuple[str, Key]) -> None:
        name, key = item
        try:
            again_in = self._controllers[name].sync(key)
        except StatusError as error:
            failures = self._failures[item] = self._failures.get(item, 0) + 1
            again_in = min(_LONGEST_BACK_OFF_SECONDS, 0.01 * 2 ** min(failures, _MOST_DOUBLINGS))
            if error.reason not in ("Conflict", "AlreadyExists", "NotFound", "Forbidden"):
                _log.warning("%s %s: %s", name, key, error)
        except Exception:  # noqa: BLE001 - an object that one controller cannot bear must not stop all of them
            _log.exception("%s %s", name, key)
            again_in = _LONGEST_BACK_OFF_SECONDS
        else:
            self._failures.pop(item, None)
        self._look_again(item, again_in)

    def _look_again(self, item: tuple[str, Key], again_in: float | None) -> None:
        timer = self._timers.pop(item, None)
        if timer is not None:
            timer.cancel()
        if again_in is not None:
            loop = asyncio.get_running_loop()
            self._timers[item] = loop.call_later(max(0.001, again_in), self._due, item)

    def _due(self, item: tuple[str, Key]) -> None:
        self._timers.pop(item, None)
        self._add(item[0], [item[1]])
