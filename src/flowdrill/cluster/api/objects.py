"""What the API does with objects, whoever asks: defaults, rules, versions, deletion. No HTTP, no permissions.

The HTTP server, the controllers and the node all go through here."""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from flowdrill.cluster.api.custom_resources import established, served_by
from flowdrill.cluster.api.defaults import fill_defaults
from flowdrill.cluster.api.deletion import (
    CLAIM_PROTECTION,
    TIME_FORMAT,
    DeleteOptions,
    check_preconditions,
    mark_deleted,
    may_go,
)
from flowdrill.cluster.api.pod_admission import complete_pod
from flowdrill.cluster.api.quota import check_quotas
from flowdrill.cluster.api.resource_types import (
    BUILT_IN,
    CUSTOM_RESOURCE_DEFINITIONS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    SERVICES,
    VALIDATING_WEBHOOKS,
    Json,
    ResourceType,
    ResourceTypes,
)
from flowdrill.cluster.api.selectors import FieldSelector, LabelSelector
from flowdrill.cluster.api.service_addresses import allocate_addresses, keep_addresses
from flowdrill.cluster.api.status_error import (
    StatusError,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from flowdrill.cluster.api.store import Store
from flowdrill.cluster.api.validation import field_errors
from flowdrill.cluster.network import Network

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes: what Kubernetes generates names from
_LONGEST_PREFIX = 58
_AS_USUAL = DeleteOptions()
_LASTING_NAMESPACES = frozenset({"default", "kube-system", "kube-public"})
_KEPT_METADATA = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


class Part(StrEnum):
    """Which part of an object a write may change; the other part is kept as it is."""

    SPEC = ""  # everything but status
    STATUS = "status"  # status (and metadata that a status write may change: none)


class Objects:
    """The API's objects. Those returned are shared: copy before changing. Refusals are StatusError."""

    def __init__(self, store: Store, types: ResourceTypes, network: Network, now: Callable[[], datetime]) -> None:
        self.store, self.types, self.network, self.now = store, types, network, now
        for definition in store.all(CUSTOM_RESOURCE_DEFINITIONS):
            self._serve(None, definition)

    def get(self, resource: ResourceType, namespace: str | None, name: str) -> Json:
        """Return an object; 404."""
        found = self.store.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def find(self, resource: ResourceType, namespace: str | None, name: str) -> Json | None:
        """Return an object or None."""
        return self.store.get(resource, namespace, name)

    def select(
        self, resource: ResourceType, namespace: str | None = None,
        labels: LabelSelector | None = None, fields: FieldSelector | None = None,
    ) -> list[Json]:  # fmt: skip
        """Return the selected objects, by namespace and name."""
        return [
            one
            for one in self.store.all(resource, namespace)
            if (labels is None or labels.matches(one["metadata"].get("labels")))
            and (fields is None or fields.matches(one))
        ]

    def create(self, resource: ResourceType, value: Json, *, dry_run: bool = False) -> Json:
        """Keep a new object (copied): name from generateName, uid, creationTimestamp, generation, defaults, cluster IP,
        default service account …; 404 for a missing namespace, 403 for one that terminates, 409, 422."""
        new = copy.deepcopy(value)
        self._check_namespace(resource, new)
        meta = new["metadata"]
        self._name(resource, meta)
        if self.store.get(resource, meta.get("namespace"), meta["name"]) is not None:
            raise already_exists(resource, meta["name"])
        for name in ("resourceVersion", "selfLink", *_KEPT_METADATA):
            meta.pop(name, None)
        meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.now().strftime(TIME_FORMAT)}
        if _counts_generations(resource):
            meta["generation"] = 1
        if resource.has_status:
            new.pop("status", None)
        if resource == PERSISTENT_VOLUME_CLAIMS:
            others = [one for one in meta.get("finalizers") or () if one != CLAIM_PROTECTION]
            meta["finalizers"] = [*others, CLAIM_PROTECTION]
        self._complete(resource, new, None)
        return new if dry_run else self._put(resource, new, None)

    def update(self, resource: ResourceType, value: Json, *, part: Part = Part.SPEC, dry_run: bool = False) -> Json:
        """Replace an object (copied). A metadata.resourceVersion or uid that is given must be the current one (409).
        Nothing is written, and no version counted, when nothing changes. metadata.generation counts changes of the
        spec. Removing the last finalizer of an object that is being deleted removes it."""
        given = value["metadata"]
        current = self.get(resource, given.get("namespace"), given["name"])
        known = current["metadata"]
        if given.get("resourceVersion") not in (None, "", known["resourceVersion"]):
            raise conflict(resource, known["name"])
        if given.get("uid") not in (None, "", known["uid"]):
            raise conflict(resource, known["name"], _other_uid(given["uid"], known["uid"]))
        new = self._merged(resource, current, value, part)
        if part is Part.SPEC:
            self._complete(resource, new, current)
            if _counts_generations(resource) and _spec_of(resource, new) != _spec_of(resource, current):
                new["metadata"]["generation"] = known.get("generation", 0) + 1
        if _same(new, current):
            return current
        if may_go(resource, new):
            return new if dry_run else self._remove(resource, new)
        return new if dry_run else self._put(resource, new, current)

    def change(
        self, resource: ResourceType, namespace: str | None, name: str, edit: Callable[[Json], None],
        *, part: Part = Part.SPEC,
    ) -> Json:  # fmt: skip
        """Copy the current object, let `edit` change the copy, update. 404."""
        changed = copy.deepcopy(self.get(resource, namespace, name))
        edit(changed)
        return self.update(resource, changed, part=part)

    def delete(
        self, resource: ResourceType, namespace: str | None, name: str, options: DeleteOptions = _AS_USUAL
    ) -> Json:
        """Delete, or begin to: finalizers (foregroundDeletion and orphan among them), a namespace's content and a
        running pod's grace come first; then the object with its deletionTimestamp is returned. A pod that is bound to
        a node is removed when the node deletes it with grace 0. 404, 409 for preconditions."""
        current = self.get(resource, namespace, name)
        if resource == NAMESPACES and name in _LASTING_NAMESPACES:
            message = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
            raise StatusError(403, "Forbidden", message, {"name": name, "kind": "namespaces"})
        check_preconditions(resource, current, options)
        value = copy.deepcopy(current)
        stays = mark_deleted(resource, value, options, self.now())
        if options.dry_run:
            return value
        if not stays:
            return self._remove(resource, value)
        return current if value == current else self._put(resource, value, current)

    def finalize(self, name: str, finalizers: Sequence[str] = (), *, dry_run: bool = False) -> Json:
        """Say what a namespace still waits for; with nothing left it goes, when it is being deleted."""
        value = copy.deepcopy(self.get(NAMESPACES, None, name))
        value.setdefault("spec", {})["finalizers"] = list(finalizers)
        if dry_run:
            return value
        return self._remove(NAMESPACES, value) if may_go(NAMESPACES, value) else self._put(NAMESPACES, value, None)

    def bind(self, namespace: str, name: str, node: str, *, dry_run: bool = False) -> Json:
        """Give a pod its node, and say in its conditions that it is scheduled; 404, 409 when it has a node."""
        value = copy.deepcopy(self.get(PODS, namespace, name))
        if value["spec"].get("nodeName"):
            raise conflict(PODS, name, f'pod {name} is already assigned to node "{value["spec"]["nodeName"]}"')
        value["spec"]["nodeName"] = node
        scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
        scheduled["lastTransitionTime"] = self.now().strftime(TIME_FORMAT)
        status = value.setdefault("status", {})
        others = [one for one in status.get("conditions") or () if one["type"] != "PodScheduled"]
        status["conditions"] = [*others, scheduled]
        return value if dry_run else self._put(PODS, value, None)

    def is_there(self, resource: ResourceType, value: Json) -> bool:
        """Return whether this very object (by uid) is still kept."""
        meta = value["metadata"]
        found = self.store.get(resource, meta.get("namespace"), meta["name"])
        return found is not None and found["metadata"]["uid"] == meta["uid"]

    def _check_namespace(self, resource: ResourceType, value: Json) -> None:
        meta = value["metadata"]
        if not resource.namespaced:
            meta.pop("namespace", None)
            return
        name = meta.get("namespace")
        if not name:
            raise bad_request("an empty namespace may not be set during creation")
        namespace = self.store.get(NAMESPACES, None, name)
        if namespace is None:
            raise not_found(NAMESPACES, name)
        if "deletionTimestamp" in namespace["metadata"]:
            what = f'{resource.full_name} "{meta.get("name") or meta.get("generateName")}" is forbidden'
            why = f"unable to create new content in namespace {name} because it is being terminated"
            cause = ("metadata.namespace", "NamespaceTerminating", f"namespace {name} is being terminated")
            raise StatusError(403, "Forbidden", f"{what}: {why}", causes=[cause])

    def _name(self, resource: ResourceType, meta: Json) -> None:
        if meta.get("name"):
            return
        prefix = meta.get("generateName")
        if not prefix:
            cause = ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
            raise invalid(resource, "", [cause])
        ending = "".join(secrets.choice(_LETTERS) for _ in range(5))
        meta["name"] = f"{str(prefix)[:_LONGEST_PREFIX]}{ending}"

    def _merged(self, resource: ResourceType, current: Json, value: Json, part: Part) -> Json:
        """The new state: what this part may not change comes from the current one."""
        if part is Part.STATUS:
            new = copy.deepcopy(current)
            new.pop("status", None)
            if "status" in value:
                new["status"] = copy.deepcopy(value["status"])
            if "managedFields" in value["metadata"]:
                new["metadata"]["managedFields"] = copy.deepcopy(value["metadata"]["managedFields"])
            return new
        new = copy.deepcopy(value)
        new["apiVersion"], new["kind"] = current["apiVersion"], current["kind"]
        meta, known = new["metadata"], current["metadata"]
        meta["resourceVersion"] = known["resourceVersion"]
        for name in _KEPT_METADATA:
            meta.pop(name, None)
            if name in known:
                meta[name] = known[name]
        if resource == NAMESPACES:
            new["spec"] = copy.deepcopy(current["spec"])  # only /finalize says that it is empty
        if resource.has_status:
            new.pop("status", None)
            if "status" in current:
                new["status"] = copy.deepcopy(current["status"])
        return new

    def _complete(self, resource: ResourceType, new: Json, current: Json | None) -> None:
        """Fill in what was left open, then judge the whole."""
        if resource == SERVICES and current is not None:
            keep_addresses(new, current)
        fill_defaults(resource, new)
        if resource == PODS and current is None:
            complete_pod(self.store, new)
        causes = field_errors(resource, new, current)
        if causes:
            raise invalid(resource, new["metadata"]["name"], causes)
        if current is None:
            check_quotas(self.store, self.types, resource, new)
        if resource == SERVICES:
            allocate_addresses(new, self.store.all(SERVICES), self.network)
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            established(new, self.now())

    def _put(self, resource: ResourceType, new: Json, current: Json | None) -> Json:
        kept = self.store.put(resource, new)
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            self._serve(current, kept)
        return kept

    def _remove(self, resource: ResourceType, last: Json) -> Json:
        meta = last["metadata"]
        removed = self.store.remove(resource, meta.get("namespace"), meta["name"])
        if resource == CUSTOM_RESOURCE_DEFINITIONS:
            for custom in served_by(removed):
                for value in self.store.all(custom):
                    self.store.remove(custom, value["metadata"].get("namespace"), value["metadata"]["name"])
            self._serve(removed, None)
        return removed

    def _serve(self, before: Json | None, after: Json | None) -> None:
        for resource in served_by(before) if before else ():
            self.types.remove(resource)
        for resource in served_by(after) if after else ():
            self.types.add(resource)


def _counts_generations(resource: ResourceType) -> bool:
    named = resource in (
        CUSTOM_RESOURCE_DEFINITIONS, VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS, POD_DISRUPTION_BUDGETS,
    )  # fmt: skip
    return named or (resource.group == "apps" and resource.has_status) or resource not in BUILT_IN


def _spec_of(resource: ResourceType, value: Json) -> Json:
    """What counts as the spec: for webhooks and custom resources everything but metadata and status."""
    if resource in BUILT_IN and resource not in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS):
        return value.get("spec") or {}
    return {name: part for name, part in value.items() if name not in ("metadata", "status")}


def _same(new: Json, current: Json) -> bool:
    """Whether nothing but the times of managedFields differ."""
    return _timeless(new) == _timeless(current)


def _timeless(value: Json) -> Json:
    managed = [{**one, "time": None} for one in value["metadata"].get("managedFields") or ()]
    return {**value, "metadata": {**value["metadata"], "managedFields": managed}}


def _other_uid(given: str, known: str) -> str:
    return f"Precondition failed: UID in precondition: {given}, UID in object meta: {known}"
