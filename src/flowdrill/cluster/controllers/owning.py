"""Objects that belong to a controller: found by owner, taken in or let go by label."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.controllers.loop import Key


def controller_of(value: Json) -> Json | None:
    """Return the owner reference of the object that controls this one."""
    references = value["metadata"].get("ownerReferences") or ()
    return next((one for one in references if one.get("controller")), None)


def reference_to(owner: Json) -> Json:
    """Return the owner reference that makes an object belong to `owner`."""
    meta = owner["metadata"]
    head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}


def owned(objects: Objects, owner: Json, resource: ResourceType) -> list[Json]:
    """Return the objects that `owner` controls; those that match its selector and are nobody's are taken in first,
    and its own that match no more are let go."""
    meta = owner["metadata"]
    selector = label_selector_of(owner["spec"].get("selector"))
    found = []
    for one in objects.select(resource, meta["namespace"]):
        controller = controller_of(one)
        matches = selector.matches(one["metadata"].get("labels"))
        if controller is not None:
            if controller["uid"] != meta["uid"]:
                continue
            if not matches and "deletionTimestamp" not in meta:
                _let_go(objects, resource, one, meta["uid"])
                continue
            found.append(one)
        elif matches and "deletionTimestamp" not in one["metadata"] and "deletionTimestamp" not in meta:
            found.append(_take_in(objects, resource, one, owner))
    return found


def owner_keys(value: Json, kind: str) -> Iterable[Key]:
    """Return the key of the object's controller when it is of a kind."""
    controller = controller_of(value)
    if controller is not None and controller["kind"] == kind:
        yield (value["metadata"]["namespace"], controller["name"])


def owner_or_matching_keys(objects: Objects, value: Json, resource: ResourceType) -> Iterable[Key]:
    """Return the controller's key; for an object that is nobody's, the keys of those that would take it in."""
    if controller_of(value) is not None:
        yield from owner_keys(value, resource.kind)
        return
    meta = value["metadata"]
    for one in objects.select(resource, meta["namespace"]):
        if label_selector_of(one["spec"].get("selector")).matches(meta.get("labels")):
            yield (meta["namespace"], one["metadata"]["name"])


def _take_in(objects: Objects, resource: ResourceType, value: Json, owner: Json) -> Json:
    def edit(one: Json) -> None:
        one["metadata"].setdefault("ownerReferences", []).append(reference_to(owner))

    return objects.change(resource, value["metadata"]["namespace"], value["metadata"]["name"], edit)


def _let_go(objects: Objects, resource: ResourceType, value: Json, uid: str) -> None:
    def edit(one: Json) -> None:
        rest = [ref for ref in one["metadata"].get("ownerReferences") or () if ref["uid"] != uid]
        one["metadata"]["ownerReferences"] = rest

    objects.change(resource, value["metadata"]["namespace"], value["metadata"]["name"], edit)
