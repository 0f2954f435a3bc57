"""Controllers driven by hand: no event loop, and time that passes only when told to."""

from __future__ import annotations

import copy
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import NAMESPACES, Json, ResourceType, ResourceTypes
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.store import Change, Store
from flowdrill.cluster.controllers.loop import Controller, Key
from flowdrill.cluster.network import Network

_MOST_STEPS = 20_000


class Clock:
    """A wall clock that stands still."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def pass_seconds(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


def fresh_objects(clock: Clock, prefix: int = 231) -> Objects:
    """An API with the namespace `shop` in it."""
    objects = Objects(Store(None), ResourceTypes(), Network(prefix), clock.now)
    objects.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return objects


class Driven:
    """Does what ControllerLoop does, one step after the other."""

    def __init__(self, objects: Objects, *controllers: Controller) -> None:
        self._objects = objects
        self._queue: deque[tuple[Controller, Key]] = deque()
        self._controllers = controllers
        self._timers: dict[tuple[Controller, Key], float] = {}
        objects.store.subscribe(self._changed)
        for one in controllers:
            for resource, concerned in one.watches.items():
                for value in objects.select(resource):
                    self._queue.extend((one, key) for key in concerned(value))

    def _changed(self, change: Change) -> None:
        for one in self._controllers:
            concerned = one.watches.get(change.resource)
            for state in (change.previous, change.object):
                if concerned is not None and state is not None:
                    self._queue.extend((one, key) for key in concerned(state) if (one, key) not in self._queue)

    def settle(self) -> None:
        """Sync until nothing is left to do, again and again what was refused; fails when that never comes."""
        for _ in range(_MOST_STEPS):
            if not self.step():
                return
        raise AssertionError(f"does not settle: {self._queue[0]}")

    def step(self, choice: int = 0) -> bool:
        """Sync one of the keys that wait, the first unless told otherwise; return whether there was one."""
        if not self._queue:
            return False
        self._queue.rotate(-(choice % len(self._queue)))
        controller, key = self._queue.popleft()
        try:
            again_in = controller.sync(key)
        except StatusError:
            self._queue.append((controller, key))
            return True
        self._timers.pop((controller, key), None)
        if again_in is not None:
            self._timers[controller, key] = again_in
        return True

    def due_in(self) -> float | None:
        """In how many seconds the first controller wants to look again, reckoned from its last look."""
        return min(self._timers.values(), default=None)

    def look_again(self) -> None:
        """Let all look again that wanted to, as if their time had come."""
        self._queue.extend(self._timers)
        self.settle()


def named(resource: ResourceType, name: str, namespace: str | None = "shop", **rest: Any) -> Json:
    """An object; `labels`, `annotations`, `ownerReferences`, `finalizers` go into its metadata."""
    inner = ("labels", "annotations", "ownerReferences", "finalizers")
    meta: Json = {"name": name} | ({"namespace": namespace} if namespace else {})
    meta |= {key: rest.pop(key) for key in inner if key in rest}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **rest}


def put_odd(objects: Objects, resource: ResourceType, name: str, **odd: Any) -> None:
    """Give an object metadata that the API refuses: what the file of another version, or a damaged one, may hold."""
    there = copy.deepcopy(objects.store.get(resource, "shop", name))
    assert there is not None
    there["metadata"] |= odd
    objects.store.put(resource, there)


def owned_by(owner: Json, *, blocks: bool = False) -> Json:
    """An ownerReference."""
    meta = owner["metadata"]
    found = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return found | ({"blockOwnerDeletion": True} if blocks else {})
