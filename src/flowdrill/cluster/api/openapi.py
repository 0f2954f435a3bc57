"""OpenAPI documents: what kubectl needs to validate, apply and explain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import Keyed, Map, Unchecked, schema_of

_SCALARS: dict[str, Json] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "boolean": {"type": "boolean"},
    "integer or string": {"x-kubernetes-int-or-string": True},
    "quantity": {"x-kubernetes-int-or-string": True},
}
_WRITES = {"post": "post", "put": "put", "patch": "patch"}


def openapi_v2(types: Iterable[ResourceType]) -> Json:
    """Return the version 2 document: the definitions of every kind, and no paths."""
    definitions = {_name(one): _definition(one) for one in types}
    info = {"title": "Kubernetes", "version": "flowdrill"}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": definitions}


def openapi_v3_index(types: Iterable[ResourceType]) -> Json:
    """Return where the version 3 documents are."""
    roots = dict.fromkeys(_root(one) for one in types)
    return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}


def openapi_v3(types: Iterable[ResourceType], root: str) -> Json | None:
    """Return the document of `api/v1` or `apis/GROUP/VERSION`, None when nothing is served there."""
    found = [one for one in types if _root(one) == root]
    if not found:
        return None
    paths: Json = {}
    for one in found:
        space = "/namespaces/{namespace}" if one.namespaced else ""
        paths[f"/{root}{space}/{one.plural}"] = {"post": _operation(one, "post")}
        paths[f"/{root}{space}/{one.plural}/{{name}}"] = {verb: _operation(one, verb) for verb in ("put", "patch")}
    info = {"title": "Kubernetes", "version": "flowdrill"}
    schemas = {_name(one): _definition(one) for one in found}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _operation(resource: ResourceType, action: str) -> Json:
    names = ("dryRun", "fieldManager", "fieldValidation", *(("force",) if action == "patch" else ()))
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    media = "application/apply-patch+yaml" if action == "patch" else "*/*"
    reference = {"schema": {"$ref": f"#/components/schemas/{_name(resource)}"}}
    return {
        "parameters": parameters, "requestBody": {"content": {media: reference}},
        "responses": {"200": {"description": "OK", "content": {"application/json": reference}}},
        "x-kubernetes-action": action, "x-kubernetes-group-version-kind": _kind(resource),
    }  # fmt: skip


def _root(one: ResourceType) -> str:
    return f"apis/{one.group}/{one.version}" if one.group else f"api/{one.version}"


def _name(one: ResourceType) -> str:
    return f"{'.'.join(reversed(one.group.split('.'))) or 'core'}.{one.version}.{one.kind}"


def _kind(one: ResourceType) -> Json:
    return {"group": one.group, "kind": one.kind, "version": one.version}


def _definition(one: ResourceType) -> Json:
    schema = schema_of(one)
    content: Json = {"type": "object"} if schema is None else _rendered(schema)
    if schema is None or isinstance(content.get("properties", {}).get("status"), dict):
        content = {**content, "x-kubernetes-preserve-unknown-fields": True}
    return {**content, "x-kubernetes-group-version-kind": [_kind(one)]}


def _rendered(schema: Any) -> Json:
    match schema:
        case str():
            return dict(_SCALARS[schema.rstrip("!")])
        case Unchecked():
            return {"x-kubernetes-preserve-unknown-fields": True}
        case Map():
            return {"type": "object", "additionalProperties": _rendered(schema.value)}
        case Keyed():
            kind = "map" if schema.keys else "set"
            found: Json = {"type": "array", "items": _rendered(schema.item), "x-kubernetes-list-type": kind}
            if schema.keys:
                found |= {"x-kubernetes-list-map-keys": list(schema.keys), "x-kubernetes-patch-strategy": "merge"}
                found |= {"x-kubernetes-patch-merge-key": schema.keys[0]}
            return found
        case list():
            return {"type": "array", "items": _rendered(schema[0]), "x-kubernetes-list-type": "atomic"}
    return {"type": "object", "properties": {name: _rendered(part) for name, part in schema.items()}}
