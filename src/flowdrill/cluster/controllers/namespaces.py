"""Namespaces that are being deleted: first everything in them goes, then they."""

from __future__ import annotations

from collections import Counter

from flowdrill.cluster.api.deletion import DeleteOptions, Propagation
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import NAMESPACES, Json, ResourceType
from flowdrill.cluster.controllers.every_resource import EveryResource
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key

_MOST_DELETIONS = 50  # at a time, so that nobody else waits long; every deletion calls the controller again


def terminates(objects: Objects, namespace: str | None) -> bool:
    """Return whether nothing new can be made in a namespace, because it is being deleted or gone."""
    found = None if namespace is None else objects.find(NAMESPACES, None, namespace)
    return found is None or found["metadata"].get("deletionTimestamp") is not None


class NamespaceController:
    """Empties terminating namespaces of every resource, custom ones too, and then lets them go."""

    name = "namespaces"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = EveryResource(objects.types, self._concerned)

    def sync(self, key: Key) -> None:
        """Take the next step in the deletion of one namespace."""
        namespace = self._objects.find(NAMESPACES, None, key[1])
        if namespace is None or namespace["metadata"].get("deletionTimestamp") is None:
            return
        self._delete_some(key[1])
        remaining = {resource: found for resource in self._resources() if (found := self._content(resource, key[1]))}
        if remaining:
            self._report(namespace, remaining)
        else:
            self._objects.finalize(key[1])

    def _concerned(self, value: Json) -> tuple[Key, ...]:
        namespace = value["metadata"].get("namespace")
        if namespace is None:
            return own_key(value) if value.get("kind") == NAMESPACES.kind else ()
        return ((None, namespace),) if terminates(self._objects, namespace) else ()

    def _resources(self) -> list[ResourceType]:
        """Return what there can be in a namespace; several versions of a resource are the same objects."""
        return list({one.full_name: one for one in self._objects.types.all() if one.kept and one.namespaced}.values())

    def _content(self, resource: ResourceType, namespace: str) -> list[Json]:
        return self._objects.select(resource, namespace)

    def _delete_some(self, namespace: str) -> None:
        left = _MOST_DELETIONS
        for resource in self._resources():
            for value in self._content(resource, namespace):
                if value["metadata"].get("deletionTimestamp") is not None:
                    continue
                if left == 0:
                    return
                left -= 1
                options = DeleteOptions(propagation=Propagation.BACKGROUND, uid=value["metadata"]["uid"])
                self._objects.delete(resource, namespace, value["metadata"]["name"], options)

    def _report(self, namespace: Json, remaining: dict[ResourceType, list[Json]]) -> None:
        now = self._objects.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        known = {one["type"]: one for one in (namespace.get("status") or {}).get("conditions") or ()}
        conditions = []
        for wanted in deletion_conditions(remaining):
            before = known.get(wanted["type"])
            same = before is not None and before["status"] == wanted["status"]
            since = before["lastTransitionTime"] if before is not None and same else now
            conditions.append({**wanted, "lastTransitionTime": since})

        def edit(one: Json) -> None:
            one.setdefault("status", {})["conditions"] = conditions

        if conditions != (namespace.get("status") or {}).get("conditions"):
            self._objects.change(NAMESPACES, None, namespace["metadata"]["name"], edit, part=Part.STATUS)


def deletion_conditions(remaining: dict[ResourceType, list[Json]]) -> list[Json]:
    """Return what a terminating namespace says about the content it still has, without times."""
    counts = sorted(f"{one.plural}.{one.group} has {len(found)} resource instances" for one, found in remaining.items())
    finalizers = Counter(
        finalizer
        for values in remaining.values()
        for value in values
        for finalizer in value["metadata"].get("finalizers") or ()
    )
    held = [f"{finalizer} in {count} resource instances" for finalizer, count in sorted(finalizers.items())]
    return [
        _condition("DeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        _condition(
            "DeletionGroupVersionParsingFailure", False,
            "ParsedGroupVersions", "All legacy kube types successfully parsed",
        ),
        _condition(
            "DeletionContentFailure", False,
            "ContentDeleted", "All content successfully deleted, may be waiting on finalization",
        ),
        _condition(
            "ContentRemaining", True, "SomeResourcesRemain", f"Some resources are remaining: {', '.join(counts)}"
        ),
        _condition(
            "FinalizersRemaining", True,
            "SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {', '.join(held)}",
        )
        if held
        else _condition(
            "FinalizersRemaining", False,
            "ContentHasNoFinalizers", "All content-preserving finalizers finished",
        ),
    ]  # fmt: skip


def _condition(what: str, holds: bool, reason: str, message: str) -> Json:
    return {"type": f"Namespace{what}", "status": str(holds), "reason": reason, "message": message}
