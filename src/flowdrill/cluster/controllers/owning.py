"""Objects that belong to a controller: found by owner, taken in or let go by label."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.controllers.loop import Key


def owner_references(value: Json) -> list[Json]:
    """Return the references to an object's owners; one without a uid refers to nothing."""
    return [one for one in value["metadata"].get("ownerReferences") or () if one and one.get("uid")]


def controller_of(value: Json) -> Json | None:
    """Return the owner reference of the object that controls this one."""
    return next((one for one in owner_references(value) if one.get("controller")), None)


def reference_to(owner: Json) -> Json:
    """Return the owner reference that makes an object belong to `owner`."""
    meta = owner["metadata"]
    head = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}


def owned(
    objects: Objects, owner: Json, resource: ResourceType, fits: Callable[[Json], bool] = lambda _: True
) -> list[Json]:
    """Return the objects that `owner` controls; those that match its selector and are nobody's are taken in first,
    and its own that match no more are let go. An owner that is being deleted neither takes nor lets go. `fits` says
    what else an object must be to match."""
    meta = owner["metadata"]
    selector, goes = label_selector_of(owner["spec"].get("selector")), "deletionTimestamp" in meta
    found = []
    for one in objects.select(resource, meta["namespace"]):
        controller = controller_of(one)
        matches = selector.matches(one["metadata"].get("labels")) and fits(one)
        if controller is not None and controller["uid"] == meta["uid"]:
            if matches:
                found.append(one)
            elif not goes:
                _let_go(objects, resource, one, meta["uid"])
        elif controller is None and matches and not goes and "deletionTimestamp" not in one["metadata"]:
            found.append(take_in(objects, resource, one, owner))
    return found


def owner_keys(value: Json, kind: str) -> Iterable[Key]:
    """Return the key of the object's controller when it is of a kind."""
    controller = controller_of(value)
    if controller is not None and controller.get("kind") == kind and controller.get("name"):
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


def take_in(objects: Objects, resource: ResourceType, value: Json, owner: Json) -> Json:
    """Make an object that is nobody's belong to `owner`."""

    def edit(one: Json) -> None:
        one["metadata"]["ownerReferences"] = [*owner_references(one), reference_to(owner)]

    return objects.change(resource, value["metadata"]["namespace"], value["metadata"]["name"], edit)


def _let_go(objects: Objects, resource: ResourceType, value: Json, uid: str) -> None:
    def edit(one: Json) -> None:
        one["metadata"]["ownerReferences"] = [ref for ref in owner_references(one) if ref["uid"] != uid]

    objects.change(resource, value["metadata"]["namespace"], value["metadata"]["name"], edit)
