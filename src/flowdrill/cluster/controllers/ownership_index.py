"""Who owns whom, by uid, kept with every change of the store: looking it up costs nothing however much there is."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.store import Change, ChangeType
from flowdrill.cluster.controllers.owning import owner_references


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is."""

    resource: ResourceType
    namespace: str | None
    name: str


class OwnershipIndex:
    """Follows the store from its construction on; whoever subscribes later finds it up to date."""

    def __init__(self, objects: Objects) -> None:
        self._places: dict[str, Place] = {}
        self._dependents: dict[str, dict[str, None]] = {}  # by the owner's uid, in the order they came
        self._deleted: set[str] = set()  # owners that were there once and still have dependents
        for resource in objects.types.all():
            if resource.kept:
                for value in objects.select(resource):
                    self._place(resource, value)
                    self._own(value, owner_uids(value))
        objects.store.subscribe(self._changed)

    def place(self, uid: str) -> Place | None:
        """Return where an object is, None when it is gone."""
        return self._places.get(uid)

    def dependents(self, uid: str) -> tuple[str, ...]:
        """Return the uids of the objects that name this one as an owner."""
        return tuple(self._dependents.get(uid, ()))

    def was_deleted(self, uid: str) -> bool:
        """Return whether an owner was seen to go; False as well when it never was there."""
        return uid in self._deleted

    def _changed(self, change: Change) -> None:
        before = owner_uids(change.previous) if change.previous is not None else set()
        after = owner_uids(change.object) if change.type is not ChangeType.DELETED else set()
        self._own(change.object, after - before)
        self._disown(change.object, before - after)
        if change.type is not ChangeType.DELETED:
            self._place(change.resource, change.object)
            return
        uid = change.object["metadata"]["uid"]
        self._places.pop(uid, None)
        if uid in self._dependents:
            self._deleted.add(uid)

    def _place(self, resource: ResourceType, value: Json) -> None:
        meta = value["metadata"]
        self._places.setdefault(meta["uid"], Place(resource, meta.get("namespace"), meta["name"]))

    def _own(self, value: Json, owners: set[str]) -> None:
        for owner in owners:
            self._dependents.setdefault(owner, {})[value["metadata"]["uid"]] = None

    def _disown(self, value: Json, owners: set[str]) -> None:
        for owner in owners:
            left = self._dependents.get(owner, {})
            left.pop(value["metadata"]["uid"], None)
            if not left:
                self._dependents.pop(owner, None)
                self._deleted.discard(owner)


def owner_uids(value: Json) -> set[str]:
    """Return the uids of an object's owners."""
    return {one["uid"] for one in owner_references(value)}
