"""Patches: JSON, merge, strategic merge."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch

from flowdrill.cluster.api.documents import json_document, sound
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import ANY, Keyed, Map, schema_of
from flowdrill.cluster.api.status_error import StatusError, bad_request, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_MOST_OPERATIONS = 10_000
_MOST_COPIED_BYTES = 3 << 20  # a few dozen `copy` operations could fill any memory
_DIRECTIVES = (None, "merge", "replace", "delete")


def patched(resource: ResourceType, current: Json, patch: bytes, media_type: str) -> Json:
    """Return a patched copy; StatusError 400, 413, 415 or 422 when the patch cannot be applied."""
    if media_type not in (JSON_PATCH, MERGE, STRATEGIC):
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        )
    document = json_document(patch)
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
    if not isinstance(document, list):
        raise bad_request("a JSON patch is a list of operations")
    if len(document) > _MOST_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(document)}"
        raise StatusError(413, "RequestEntityTooLarge", message)
    try:
        result = _operated(copy.deepcopy(current), document)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, AttributeError, LookupError,
            ValueError, RecursionError) as error:  # fmt: skip
        raise StatusError(
            422, "Invalid", f"the server rejected our request due to an error in our request: {str(error)[:1000]}"
        ) from error
    return _object(sound(result))


def _operated(value: Any, operations: list[Any]) -> Any:
    copied = 0
    for operation in operations:
        copied += _copied_bytes(operation, value)
        if copied > _MOST_COPIED_BYTES:
            raise StatusError(422, "Invalid", "Unable to complete the copy, the accumulated size is too large")
        value = jsonpatch.JsonPatch([operation]).apply(value, in_place=True)
    return value


def _copied_bytes(operation: Any, value: Json) -> int:
    if not isinstance(operation, dict) or operation.get("op") != "copy":
        return 0
    return len(json.dumps(jsonpatch.JsonPointer(operation["from"]).resolve(value)))


def _strategic(schema: Any, current: Any, patch: Any) -> Any:
    """The strategic merge of a patch into a copy."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive not in _DIRECTIVES:
        raise bad_request(f"unknown patch type found: {str(directive)[:40]}")
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
            result[name] = _strategic_list(part, _list(result, name), value)
        else:
            result[name] = _strategic(part, result.get(name), value)
    _direct(schema, result, patch)
    return result


def _direct(schema: Any, result: Json, patch: Json) -> None:
    """Do what a patch says beside the fields themselves: values to take out of lists, and the order of lists."""
    for name, value in patch.items():
        directive, _, of = name.partition("/")
        if directive not in ("$deleteFromPrimitiveList", "$setElementOrder") or of not in result:
            continue
        if not isinstance(value, list):
            raise bad_request(f"{directive}/{of}: must be a list")
        if directive == "$setElementOrder":
            result[of] = _ordered(_part(schema, of), _list(result, of), value)
        else:
            unwanted = set(map(_mark, value))
            result[of] = [one for one in _list(result, of) if _mark(one) not in unwanted]


def _strategic_list(schema: Keyed, current: list[Any], patch: list[Any]) -> list[Any]:
    if not schema.keys:  # a set of scalars
        return list({_mark(one): one for one in (*current, *patch)}.values())
    key = schema.keys[0]
    if any(isinstance(one, dict) and one.get("$patch") == "replace" and key not in one for one in patch):
        return [one for one in patch if isinstance(one, dict) and "$patch" not in one]
    for one in patch:
        if not isinstance(one, dict) or one.get(key) is None:
            raise bad_request(f"map: {str(one)[:200]} does not contain declared merge key: {key}")
    gone = {_mark(one[key]) for one in patch if one.get("$patch") == "delete"}
    result: dict[Any, Any] = {}
    for place, known in enumerate(current):
        mark = _mark_of(known, key)
        if mark not in gone:
            result[(place, "again") if mark in result else mark] = known
    for one in patch:
        if one.get("$patch") != "delete":
            mark = _mark(one[key])
            result[mark] = _strategic(schema.item, result.get(mark, {}), one)
    return list(result.values())


def _ordered(schema: Any, items: list[Any], order: list[Any]) -> list[Any]:
    """Items in the order that was asked for; those it does not name keep their place at the end."""
    key = schema.keys[0] if isinstance(schema, Keyed) and schema.keys else None
    ranks = {_mark_of(one, key): place for place, one in reversed([*enumerate(order)])}
    return sorted(items, key=lambda one: ranks.get(_mark_of(one, key), len(ranks)))


def _list(value: Json, name: str) -> list[Any]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def _mark_of(item: Any, key: str | None) -> Any:
    return _mark(item.get(key) if key is not None and isinstance(item, dict) else item)


def _mark(value: Any) -> Any:
    """What tells a value from others, hashable."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value


def _part(schema: Any, name: str) -> Any:
    if isinstance(schema, Map):
        return schema.value
    return schema.get(name, ANY) if isinstance(schema, dict) else ANY
