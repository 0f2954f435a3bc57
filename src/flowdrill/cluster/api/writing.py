"""Creating, replacing, patching and deleting, as requests ask for it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from flowdrill.cluster.api.admission import Admission
from flowdrill.cluster.api.apply import applied, record_update
from flowdrill.cluster.api.attempt import Attempt, Operation
from flowdrill.cluster.api.authentication import User
from flowdrill.cluster.api.decoding import decode_error, unknown_fields, without_nulls
from flowdrill.cluster.api.deletion import DeleteOptions, delete_options_in
from flowdrill.cluster.api.eviction import evicted, eviction_asked
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.patching import patched
from flowdrill.cluster.api.request import Request, object_in
from flowdrill.cluster.api.resource_types import LEASES, NAMESPACES, PODS, Json, ResourceType
from flowdrill.cluster.api.status_error import bad_request, conflict, invalid, not_found
from flowdrill.cluster.api.subresources import replicas_of, scale_asked, scale_of

APPLY = "application/apply-patch+yaml"
_MOST_TRIES = 5  # of a write whose object changes again and again while webhooks are asked


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left: the object, the code it is answered with, and warnings for its sender."""

    value: Json
    code: int = 200
    warnings: tuple[str, ...] = ()


class Writer:
    """Writes for one identity; its permissions have been checked, but for what a role may give away (`may_keep`).

    Without webhooks nothing here is awaited. With them an object may change while they think: then all begins again."""

    def __init__(
        self,
        objects: Objects,
        admission: Admission,
        user: User,
        may_keep: Callable[[Request, ResourceType, Json], None],
    ) -> None:
        self._objects, self._admission, self._user, self._may_keep = objects, admission, user, may_keep

    async def create(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """POST."""
        value = self._decoded(request, resource, object_in(body, request.media_type))
        warnings = _checked_fields(request, resource, value)
        if value["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        return await self._created(request, resource, value, warnings)

    async def replace(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """PUT."""
        value = self._decoded(request, resource, object_in(body, request.media_type))
        warnings = _checked_fields(request, resource, value)
        if not value["metadata"].get("resourceVersion") and (resource == LEASES or not resource.own_kind):
            message = "Invalid value: 0: must be specified for an update"
            raise invalid(resource, request.name or "", [("metadata.resourceVersion", "FieldValueInvalid", message)])
        return await self._updated(request, resource, lambda _: (copy.deepcopy(value), warnings))

    async def patch(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """PATCH, of every kind."""
        if request.media_type == APPLY:
            return await self._applied(request, resource, body)

        def changed(current: Json) -> tuple[Json, tuple[str, ...]]:
            value = patched(resource, current, body, request.media_type)
            malformed = decode_error(resource, value)
            if malformed is not None:
                cause = ("patch", "FieldValueInvalid", f"Invalid value: {malformed}")
                raise invalid(resource, request.name or "", [cause])
            value = without_nulls(resource, value)
            self._same_object(request, resource, value)
            return value, _checked_fields(request, resource, value)

        return await self._updated(request, resource, changed)

    async def delete(self, request: Request, resource: ResourceType, body: bytes, name: str) -> Written:
        """DELETE of one object: the object when it stays for now, else a Status that says it is gone."""
        options = delete_options(request, body)
        for _ in range(_MOST_TRIES):
            before = self._objects.get(resource, request.namespace, name)
            attempt = self._attempt(Operation.DELETE, request, resource, None, before)
            warnings = await self._admission.allow(replace(attempt, name=name, dry_run=options.dry_run))
            if not self._is_current(resource, before):
                continue
            last = self._objects.delete(resource, request.namespace, name, options)
            if resource == PODS or (self._objects.is_there(resource, before) and not options.dry_run):
                return Written(last, warnings=warnings)
            about = {"name": name, "kind": resource.plural, "uid": last["metadata"]["uid"]}
            about |= {"group": resource.group} if resource.group else {}
            done: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": about}
            return Written(done, warnings=warnings)
        raise conflict(resource, name)

    async def evict(self, request: Request, body: bytes) -> Written:
        """POST of a pod's eviction."""
        given = object_in(body, request.media_type)
        asked = eviction_asked(request, given)
        attempt = self._attempt(Operation.CREATE, request, PODS, given, None)
        attempt = replace(attempt, dry_run=asked.options.dry_run)
        _, told = await self._admission.changed(attempt)
        told += await self._admission.allow(attempt)
        return Written(evicted(self._objects, asked), 201, told)

    async def scale(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """PUT or PATCH of a workload's Scale."""
        for _ in range(_MOST_TRIES):
            current = self._objects.get(resource, request.namespace, request.name or "")
            wanted = scale_asked(request, resource, current, body)
            attempt = self._attempt(Operation.UPDATE, request, resource, wanted, scale_of(current))
            wanted, told = await self._admission.changed(attempt)
            new = copy.deepcopy(current)
            new["spec"]["replicas"] = replicas_of(wanted)
            told += await self._admission.allow(replace(attempt, object=wanted))
            if self._is_current(resource, current):
                return Written(scale_of(self._objects.update(resource, new, dry_run=request.dry_run)), 200, told)
        raise conflict(resource, request.name or "")

    async def _created(
        self, request: Request, resource: ResourceType, value: Json, warnings: tuple[str, ...], *, applied: bool = False
    ) -> Written:
        attempt = self._attempt(Operation.CREATE, request, resource, value, None)
        value, told = await self._admission.changed(attempt)
        self._same_object(request, resource, value)
        self._may_keep(request, resource, value)
        # What it will be, first without keeping it: managers own the fields that defaults filled in, too.
        made = copy.deepcopy(self._objects.create(resource, value, dry_run=True))
        value.setdefault("metadata", {})["name"] = made["metadata"]["name"]
        if not applied:
            record_update(resource, None, made, request.manager, self._objects.now())
            value["metadata"]["managedFields"] = made["metadata"]["managedFields"]
        told += await self._admission.allow(replace(attempt, object=made, name=made["metadata"]["name"]))
        kept = self._objects.create(resource, value, dry_run=request.dry_run)
        return Written(kept, 201, (*warnings, *told))

    async def _applied(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        configuration = self._decoded(request, resource, object_in(body, request.media_type))
        if configuration["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        warnings = _checked_fields(request, resource, configuration)

        def changed(current: Json | None) -> tuple[Json, tuple[str, ...]]:
            version = configuration["metadata"].get("resourceVersion")
            if current is not None and version not in (None, "", current["metadata"]["resourceVersion"]):
                raise conflict(resource, request.name or "")
            new = applied(
                resource, current, configuration, request.query.get("fieldManager", ""),
                force=request.flag("force"), now=self._objects.now(), subresource=request.subresource,
            )  # fmt: skip
            return new, warnings

        if self._objects.find(resource, request.namespace, request.name or "") is not None:
            return await self._updated(request, resource, changed, applied=True)
        if request.subresource:
            raise not_found(resource, request.name or "")
        return await self._created(request, resource, *changed(None), applied=True)

    async def _updated(
        self, request: Request, resource: ResourceType, changed: Callable[[Json], tuple[Json, tuple[str, ...]]], *,
        applied: bool = False,
    ) -> Written:  # fmt: skip
        """Replace the current object by what `changed` makes of it; it gives warnings, too."""
        part = Part.STATUS if request.subresource == "status" else Part.SPEC
        for _ in range(_MOST_TRIES):
            current = self._objects.get(resource, request.namespace, request.name or "")
            value, warnings = changed(current)
            attempt = self._attempt(Operation.UPDATE, request, resource, value, current)
            value, told = await self._admission.changed(attempt)
            self._same_object(request, resource, value)
            self._may_keep(request, resource, value)
            if not self._is_current(resource, current):
                continue
            # What it will be, first without keeping it: managers own the fields that defaults filled in, too.
            made = copy.deepcopy(self._objects.update(resource, value, part=part, dry_run=True))
            if not applied:
                record_update(resource, current, made, request.manager, self._objects.now(), request.subresource)
                value["metadata"]["managedFields"] = made["metadata"].get("managedFields") or []
            told += await self._admission.allow(replace(attempt, object=made))
            if self._is_current(resource, current):
                kept = self._objects.update(resource, value, part=part, dry_run=request.dry_run)
                return Written(kept, 200, (*warnings, *told))
        raise conflict(resource, request.name or "")

    def _attempt(
        self, operation: Operation, request: Request, resource: ResourceType, value: Json | None, old: Json | None
    ) -> Attempt:
        name = request.name or ((value or {}).get("metadata") or {}).get("name") or ""
        options: Json = {"kind": f"{operation.value.capitalize()}Options", "apiVersion": "meta.k8s.io/v1"}
        options |= {"dryRun": ["All"]} if request.dry_run else {}
        options |= {"fieldManager": request.query["fieldManager"]} if request.query.get("fieldManager") else {}
        namespace = name if resource == NAMESPACES else request.namespace or ""
        return Attempt(
            operation, resource, request.subresource, namespace, name, self._user, value, old, request.dry_run, options
        )

    def _is_current(self, resource: ResourceType, seen: Json) -> bool:
        """Whether an object is still what it was: the store replaces objects, and changes none."""
        meta = seen["metadata"]
        return self._objects.find(resource, meta.get("namespace"), meta["name"]) is seen

    def _decoded(self, request: Request, resource: ResourceType, value: Json) -> Json:
        """The object of a body, its kind, name and namespace filled in and checked against the path."""
        value = {"apiVersion": resource.api_version, "kind": resource.kind, **value}
        if (value["apiVersion"], value["kind"]) != (resource.api_version, resource.kind):
            raise bad_request(
                f"the object provided is {value['apiVersion']} {value['kind']}, not {resource.api_version} "
                f"{resource.kind}"
            )
        if value.get("metadata") is None:
            value["metadata"] = {}
        if not isinstance(value["metadata"], dict):
            raise bad_request("metadata: must be an object")
        malformed = decode_error(resource, value)
        if malformed is not None:
            kind = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
            raise bad_request(f"{kind}: json: {malformed}")
        value = without_nulls(resource, value)
        self._same_object(request, resource, value)
        return value

    def _same_object(self, request: Request, resource: ResourceType, value: Json) -> None:
        meta = value["metadata"]
        if request.name is not None:
            meta["name"] = meta.get("name") or request.name
        if resource.namespaced:
            meta["namespace"] = meta.get("namespace") or request.namespace
        if request.name is not None and meta["name"] != request.name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({request.name})"
            )
        if resource.namespaced and meta["namespace"] != request.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def delete_options(request: Request, body: bytes) -> DeleteOptions:
    """Return how to delete, from the body and the query; StatusError 400."""
    given = object_in(body, request.media_type) if body.strip() else {}
    if given.get("propagationPolicy") in (None, ""):
        given |= {"propagationPolicy": request.query.get("propagationPolicy")}
    options = delete_options_in(given)
    grace = options.grace_seconds
    return replace(
        options,
        grace_seconds=request.number("gracePeriodSeconds") if grace is None else grace,
        dry_run=request.dry_run or options.dry_run,
    )


def _checked_fields(request: Request, resource: ResourceType, value: Json) -> tuple[str, ...]:
    """Refuse or name the fields that the kind does not have, as `fieldValidation` asks for."""
    how = request.query.get("fieldValidation") or "Warn"
    unknown = [] if how == "Ignore" else unknown_fields(resource, value)
    if unknown and how == "Strict":
        listed = ", ".join(f'unknown field "{one}"' for one in unknown)
        kind = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{kind}: strict decoding error: {listed}")
    return tuple(f"unknown field {json.dumps(one)}".replace('"', '\\"') for one in unknown)
