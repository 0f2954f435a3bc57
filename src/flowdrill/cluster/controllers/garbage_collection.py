"""Garbage collection: what is owned goes with its owners, of every kind, custom resources too.

Keys are uids, so that an object that was made anew under an old name is never mistaken for the old one."""

from __future__ import annotations

from enum import Enum

from flowdrill.cluster.api.deletion import DeleteOptions, Propagation
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.every_resource import EveryResource
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.ownership_index import OwnershipIndex, Place, owner_uids
from flowdrill.cluster.controllers.owning import owner_references

_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"


class Standing(Enum):
    """What an owner is to an object that names it."""

    SOLID = "it keeps its dependents"
    ABSENT = "it is gone, or never was"
    WAITING = "it is being deleted, and waits for its dependents to go first"


class GarbageCollector:
    """Deletes what has lost all its owners, and finishes deletions that wait for dependents."""

    name = "garbage-collection"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._index = OwnershipIndex(objects)
        self.watches = EveryResource(objects.types, self._concerned)

    def sync(self, key: Key) -> None:
        """Look at one object: whether it has to go, and if it is going, what it waits for."""
        uid = key[1]
        place = self._index.place(uid)
        value = None if place is None else self._objects.find(place.resource, place.namespace, place.name)
        if place is None or value is None or value["metadata"]["uid"] != uid:
            return
        if value["metadata"].get("deletionTimestamp") is None:
            self._judge(place, value)
            return
        finalizers = _finalizers(value)
        if _ORPHAN in finalizers:
            self._let_go_of_dependents(uid)
            self._remove_finalizer(place, uid, _ORPHAN)
        elif _FOREGROUND in finalizers and not any(_blocks(one, uid) for one in self._dependents(uid)):
            self._remove_finalizer(place, uid, _FOREGROUND)

    def _concerned(self, value: Json) -> list[Key]:
        meta = value["metadata"]
        uid, owners = meta["uid"], owner_uids(value)
        uids = [uid] if owners or "deletionTimestamp" in meta else []
        uids += owners  # one of them may wait for this one to go
        if self._index.place(uid) is None or _FOREGROUND in _finalizers(value):
            uids += self._index.dependents(uid)
        return [(None, one) for one in uids]

    def _judge(self, place: Place, value: Json) -> None:
        """Delete an object none of whose owners keeps it; else have it name only those that do."""
        owners = owner_references(value)
        standings = {one["uid"]: self._standing(place.namespace, one) for one in owners}
        found = set(standings.values())
        if not owners or found == {Standing.SOLID}:
            return
        if Standing.SOLID in found:
            lost = {uid for uid, standing in standings.items() if standing is not Standing.SOLID}
            self._drop_owners(place, value, lost)
            return
        uid = value["metadata"]["uid"]
        dependents = self._dependents(uid)
        if Standing.WAITING in found and dependents:
            if any("deletionTimestamp" in one["metadata"] and _FOREGROUND in _finalizers(one) for one in dependents):
                self._block_nobody(place, value)  # they own each other in a circle and would wait for ever
            propagation = Propagation.FOREGROUND
        else:
            propagation = _asked_for(value)
        self._objects.delete(
            place.resource, place.namespace, place.name, DeleteOptions(propagation=propagation, uid=uid)
        )

    def _standing(self, namespace: str | None, owner: Json) -> Standing:
        resource = self._objects.types.of_kind(owner.get("apiVersion") or "", owner.get("kind") or "")
        if resource is None:  # of a kind that is not served: nobody can tell, unless it was seen to go
            return Standing.ABSENT if self._index.was_deleted(owner["uid"]) else Standing.SOLID
        if resource.namespaced and namespace is None:
            return Standing.SOLID  # an owner that cannot be; Kubernetes leaves such objects alone
        found = self._objects.find(resource, namespace if resource.namespaced else None, owner.get("name") or "")
        if found is None or found["metadata"]["uid"] != owner["uid"]:
            return Standing.ABSENT
        waiting = "deletionTimestamp" in found["metadata"] and _FOREGROUND in _finalizers(found)
        return Standing.WAITING if waiting else Standing.SOLID

    def _dependents(self, uid: str) -> list[Json]:
        places = [place for one in self._index.dependents(uid) if (place := self._index.place(one)) is not None]
        found = (self._objects.find(one.resource, one.namespace, one.name) for one in places)
        return [one for one in found if one is not None]

    def _let_go_of_dependents(self, uid: str) -> None:
        for one in self._index.dependents(uid):
            place = self._index.place(one)
            value = None if place is None else self._objects.find(place.resource, place.namespace, place.name)
            if place is not None and value is not None:
                self._drop_owners(place, value, {uid})

    def _drop_owners(self, place: Place, value: Json, uids: set[str]) -> None:
        def edit(one: Json) -> None:
            meta = one["metadata"]
            meta["ownerReferences"] = [owner for owner in owner_references(one) if owner["uid"] not in uids]
            if not meta["ownerReferences"]:
                del meta["ownerReferences"]

        if owner_uids(value) & uids:
            self._objects.change(place.resource, place.namespace, place.name, edit)

    def _block_nobody(self, place: Place, value: Json) -> None:
        def edit(one: Json) -> None:
            for owner in owner_references(one):
                owner["blockOwnerDeletion"] = False

        if any(one.get("blockOwnerDeletion") for one in owner_references(value)):
            self._objects.change(place.resource, place.namespace, place.name, edit)

    def _remove_finalizer(self, place: Place, uid: str, finalizer: str) -> None:
        def edit(one: Json) -> None:
            if one["metadata"]["uid"] == uid:
                one["metadata"]["finalizers"] = [each for each in _finalizers(one) if each != finalizer]

        self._objects.change(place.resource, place.namespace, place.name, edit)


def _finalizers(value: Json) -> list[str]:
    return value["metadata"].get("finalizers") or []


def _blocks(dependent: Json, owner: str) -> bool:
    return any(one["uid"] == owner and one.get("blockOwnerDeletion") for one in owner_references(dependent))


def _asked_for(value: Json) -> Propagation:
    """Return how the object itself says, by its finalizers, that its own dependents are to be treated."""
    finalizers = _finalizers(value)
    if _ORPHAN in finalizers:
        return Propagation.ORPHAN
    return Propagation.FOREGROUND if _FOREGROUND in finalizers else Propagation.BACKGROUND
