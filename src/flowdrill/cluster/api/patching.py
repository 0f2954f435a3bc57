"""Patches: JSON, merge, strategic merge."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import ANY, Keyed, Map, schema_of
from flowdrill.cluster.api.status_error import StatusError, bad_request, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_MOST_OPERATIONS = 10_000


def patched(resource: ResourceType, current: Json, patch: bytes, media_type: str) -> Json:
    """Return a patched copy; StatusError 400, 415 or 422 when the patch cannot be applied."""
    if media_type not in (JSON_PATCH, MERGE, STRATEGIC):
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    try:
        document = json.loads(patch)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the patch is not JSON: {error}") from error
    if media_type == JSON_PATCH:
        return _json_patched(current, document)
    if not isinstance(document, dict):
        raise bad_request("the patch must be a JSON object")
    if media_type == MERGE:
        return _object(merged(current, document))
    schema = schema_of(resource)
    if schema is None:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json"
        )
    return _object(_strategic(schema, copy.deepcopy(current), document))


def merged(current: Any, patch: Any) -> Any:
    """Return a merge patch's result (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(current) if isinstance(current, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _object(value: Any) -> Json:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise bad_request("the patch leaves no object")
    return value


def _json_patched(current: Json, document: Any) -> Json:
    if not isinstance(document, list) or len(document) > _MOST_OPERATIONS:
        raise bad_request("a JSON patch is a list of operations")
    try:
        return _object(jsonpatch.JsonPatch(document).apply(current))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, AttributeError) as error:
        raise StatusError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {error}"
        ) from error


def _strategic(schema: Any, current: Any, patch: Any) -> Any:
    """The strategic merge of a patch into a copy."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    plain = {name: value for name, value in patch.items() if not name.startswith("$")}
    if directive == "replace":
        return plain
    if directive == "delete":
        return {}
    result = current if isinstance(current, dict) else {}
    if isinstance(patch.get("$retainKeys"), list):
        result = {name: value for name, value in result.items() if name in patch["$retainKeys"]}
    for name, value in plain.items():
        part = _part(schema, name)
        if value is None:
            result.pop(name, None)
        elif isinstance(part, Keyed) and isinstance(value, list):
            result[name] = _strategic_list(part, result.get(name) or [], value)
        else:
            result[name] = _strategic(part, result.get(name), value)
    _direct(schema, result, patch)
    return result


def _direct(schema: Any, result: Json, patch: Json) -> None:
    """Do what a patch says beside the fields themselves: values to take out of lists, and the order of lists."""
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            of = name.partition("/")[2]
            result[of] = [one for one in result.get(of) or () if one not in value]
        elif name.startswith("$setElementOrder/"):
            of = name.partition("/")[2]
            if isinstance(result.get(of), list):
                result[of] = _ordered(_part(schema, of), result[of], value)


def _strategic_list(schema: Keyed, current: list[Any], patch: list[Any]) -> list[Any]:
    if not schema.keys:  # a set of scalars
        return [*current, *(one for one in patch if one not in current)]
    key, result = schema.keys[0], list(current)
    if any(isinstance(one, dict) and one.get("$patch") == "replace" and key not in one for one in patch):
        return [one for one in patch if isinstance(one, dict) and "$patch" not in one]
    for one in patch:
        if not isinstance(one, dict) or one.get(key) is None:
            raise bad_request(f"map: {str(one)[:200]} does not contain declared merge key: {key}")
        at = next((n for n, known in enumerate(result) if isinstance(known, dict) and known.get(key) == one[key]), None)
        if one.get("$patch") == "delete":
            result = [known for known in result if known.get(key) != one[key]]
        elif at is None:
            result.append(_strategic(schema.item, {}, one))
        else:
            result[at] = _strategic(schema.item, result[at], one)
    return result


def _ordered(schema: Any, items: list[Any], order: Any) -> list[Any]:
    """Items in the order that was asked for; those it does not name keep their place at the end."""
    if not isinstance(order, list):
        return items
    key = schema.keys[0] if isinstance(schema, Keyed) and schema.keys else None

    def rank(one: Any) -> int:
        name = one.get(key) if key is not None and isinstance(one, dict) else one
        names = [other.get(key) if key is not None and isinstance(other, dict) else other for other in order]
        return names.index(name) if name in names else len(names)

    return sorted(items, key=rank)


def _part(schema: Any, name: str) -> Any:
    if isinstance(schema, Map):
        return schema.value
    return schema.get(name, ANY) if isinstance(schema, dict) else ANY
