"""Creating, replacing, patching and deleting, as requests ask for it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass

from flowdrill.cluster.api.apply import applied, record_update
from flowdrill.cluster.api.decoding import decode_error, mismatch, unknown_fields, without_nulls
from flowdrill.cluster.api.deletion import DeleteOptions, Propagation
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.patching import patched
from flowdrill.cluster.api.request import Request, object_in
from flowdrill.cluster.api.resource_types import LEASES, PODS, Json, ResourceType
from flowdrill.cluster.api.schemas import DELETE_OPTIONS
from flowdrill.cluster.api.status_error import bad_request, conflict, invalid, not_found

APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left: the object, the code it is answered with, and warnings for its sender."""

    value: Json
    code: int = 200
    warnings: tuple[str, ...] = ()


class Writer:
    """Writes for requests; permissions have been checked, but for what a role may give away (`may_keep`)."""

    def __init__(self, objects: Objects, may_keep: Callable[[Request, ResourceType, Json], None]) -> None:
        self._objects, self._may_keep = objects, may_keep

    def create(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """POST."""
        value = self._decoded(request, resource, object_in(body, request.media_type))
        warnings = _checked_fields(request, resource, value)
        if value["metadata"].get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        self._may_keep(request, resource, value)
        # What it will be, first without keeping it: managers own the fields that defaults filled in, too.
        made = copy.deepcopy(self._objects.create(resource, value, dry_run=True))
        value.setdefault("metadata", {})["name"] = made["metadata"]["name"]
        record_update(resource, None, made, request.manager, self._objects.now())
        value["metadata"]["managedFields"] = made["metadata"]["managedFields"]
        return Written(self._objects.create(resource, value, dry_run=request.dry_run), 201, warnings)

    def replace(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """PUT."""
        value = self._decoded(request, resource, object_in(body, request.media_type))
        warnings = _checked_fields(request, resource, value)
        if not value["metadata"].get("resourceVersion") and (resource == LEASES or not resource.own_kind):
            message = "Invalid value: 0: must be specified for an update"
            raise invalid(resource, request.name or "", [("metadata.resourceVersion", "FieldValueInvalid", message)])
        return Written(self._updated(request, resource, value), 200, warnings)

    def patch(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        """PATCH, of every kind."""
        if request.media_type == APPLY:
            return self._applied(request, resource, body)
        current = self._objects.get(resource, request.namespace, request.name or "")
        value = patched(resource, current, body, request.media_type)
        malformed = decode_error(resource, value)
        if malformed is not None:
            raise invalid(resource, request.name or "", [("patch", "FieldValueInvalid", f"Invalid value: {malformed}")])
        value = without_nulls(resource, value)
        self._same_object(request, resource, value)
        warnings = _checked_fields(request, resource, value)
        return Written(self._updated(request, resource, value), 200, warnings)

    def delete(self, request: Request, resource: ResourceType, body: bytes, name: str) -> Written:
        """DELETE of one object: the object when it stays for now, else a Status that says it is gone."""
        options = delete_options(request, body)
        before = self._objects.get(resource, request.namespace, name)
        last = self._objects.delete(resource, request.namespace, name, options)
        if resource == PODS or (self._objects.is_there(resource, before) and not options.dry_run):
            return Written(last)
        about = {"name": name, "kind": resource.plural, "uid": last["metadata"]["uid"]}
        about |= {"group": resource.group} if resource.group else {}
        return Written({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": about})

    def _applied(self, request: Request, resource: ResourceType, body: bytes) -> Written:
        configuration = self._decoded(request, resource, object_in(body, request.media_type))
        if configuration["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        warnings = _checked_fields(request, resource, configuration)
        current = self._objects.find(resource, request.namespace, request.name or "")
        if current is None and request.subresource:
            raise not_found(resource, request.name or "")
        version = configuration["metadata"].get("resourceVersion")
        if current is not None and version not in (None, "", current["metadata"]["resourceVersion"]):
            raise conflict(resource, request.name or "")
        new = applied(
            resource, current, configuration, request.query.get("fieldManager", ""),
            force=request.flag("force"), now=self._objects.now(), subresource=request.subresource,
        )  # fmt: skip
        self._may_keep(request, resource, new)
        if current is None:
            return Written(self._objects.create(resource, new, dry_run=request.dry_run), 201, warnings)
        part = Part.STATUS if request.subresource == "status" else Part.SPEC
        return Written(self._objects.update(resource, new, part=part, dry_run=request.dry_run), 200, warnings)

    def _updated(self, request: Request, resource: ResourceType, value: Json) -> Json:
        current = self._objects.get(resource, request.namespace, request.name or "")
        part = Part.STATUS if request.subresource == "status" else Part.SPEC
        self._may_keep(request, resource, value)
        # What it will be, first without keeping it: managers own the fields that defaults filled in, too.
        made = copy.deepcopy(self._objects.update(resource, value, part=part, dry_run=True))
        record_update(resource, current, made, request.manager, self._objects.now(), request.subresource)
        value["metadata"]["managedFields"] = made["metadata"].get("managedFields") or []
        return self._objects.update(resource, value, part=part, dry_run=request.dry_run)

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
    malformed = mismatch(DELETE_OPTIONS, given)
    if malformed is not None:
        raise bad_request(f"DeleteOptions cannot be handled as a DeleteOptions: json: {malformed}")
    conditions, dry_run = given.get("preconditions") or {}, given.get("dryRun") or []
    wanted = given.get("propagationPolicy") or request.query.get("propagationPolicy")
    if given.get("orphanDependents"):
        wanted = "Orphan"
    if wanted not in (None, "", *Propagation):
        raise bad_request(f'propagationPolicy: Unsupported value: "{wanted}"')
    if dry_run not in ([], ["All"]):
        raise bad_request(f'dryRun: Unsupported value: {str(dry_run)[:40]}: supported values: "All"')
    grace = given.get("gracePeriodSeconds")
    grace = request.number("gracePeriodSeconds") if grace is None else grace
    return DeleteOptions(
        grace_seconds=grace,
        propagation=Propagation(wanted) if wanted else None,
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        dry_run=request.dry_run or bool(dry_run),
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
