"""What a client sent, as an object of its kind: wrong types refused, nulls resolved, unknown fields named."""

from __future__ import annotations

from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import ANY, IS, METADATA, OPEN, B, I, Keyed, L, Map, Q, S, Unchecked, schema_of


def decode_error(resource: ResourceType, value: Json) -> str | None:
    """Return what cannot be decoded, as the API says it, or None: a text where a number is needed, for example."""
    return mismatch(_schema(resource), value)


def without_nulls(resource: ResourceType, value: Json) -> Json:
    """Return the object as the API keeps it: a field that is null is not there, a null in a list or a map is an empty
    value, and fields that every object of the kind has are filled in. Custom resources keep the nulls of their own."""
    return dict(_resolved(_schema(resource), value))


def unknown_fields(resource: ResourceType, value: Json) -> list[str]:
    """Return the paths of fields that the kind does not have."""
    schema = schema_of(resource)
    return [] if schema is None else [*_unknown(schema, value, "", resource.own_kind in OPEN)]


_PYTHON: dict[str, tuple[type, ...]] = {
    S: (str,), I: (int,), L: (int,), B: (bool,), IS: (int, str), Q: (int, float, str),
}  # fmt: skip
_BITS = {I: 31, IS: 31, L: 63}
_EMPTY = {S: "", I: 0, L: 0, B: False, IS: 0, Q: 0}


def _schema(resource: ResourceType) -> Json:
    return schema_of(resource) or {"metadata": METADATA, "apiVersion": S, "kind": S}


def _resolved(schema: Any, value: Any) -> Any:
    if isinstance(value, list) and isinstance(schema, (list, Keyed)):
        item = _item(schema)
        return [_resolved(item, _empty(item) if one is None else one) for one in value]
    if not isinstance(value, dict) or not isinstance(schema, (dict, Map)):
        return value
    if isinstance(schema, Map):
        return {name: _resolved(schema.value, _empty(schema.value) if one is None else one)
                for name, one in value.items()}  # fmt: skip
    found = {name: _resolved(_field(schema, name), one) for name, one in value.items()
             if one is not None or name not in schema}  # fmt: skip
    for name, part in schema.items():
        if name not in found and isinstance(part, str) and part.endswith("!"):
            found[name] = _empty(part)
    return found


def _empty(schema: Any) -> Any:
    if isinstance(schema, str):
        return _EMPTY[schema.rstrip("!")]
    return None if isinstance(schema, Unchecked) else [] if isinstance(schema, (list, Keyed)) else {}


def mismatch(schema: Any, value: Any, path: str = "") -> str | None:
    """Return what of a value does not fit a schema, or None."""
    if value is None or isinstance(schema, Unchecked):
        return None
    if isinstance(schema, str):
        plain = schema.rstrip("!")
        fits = isinstance(value, _PYTHON[plain]) and (plain == B or not isinstance(value, bool))
        if fits and isinstance(value, int) and plain in _BITS and not -(1 << _BITS[plain]) <= value < 1 << _BITS[plain]:
            return f"cannot unmarshal number {str(value)[:40]} into field {path} of type {plain}"
        return None if fits else f"cannot unmarshal {_json_type(value)} into field {path} of type {schema}"
    is_list = isinstance(schema, (list, Keyed))
    if not isinstance(value, list if is_list else dict):
        return f"cannot unmarshal {_json_type(value)} into field {path} of type {'list' if is_list else 'object'}"
    if isinstance(value, list):
        children = [(f"{path}[{n}]", _item(schema), one) for n, one in enumerate(value)]
    else:
        children = [(f"{path}.{name}", _field(schema, name), one) for name, one in value.items()]
    return next((found for at, part, one in children if (found := mismatch(part, one, at)) is not None), None)


def _unknown(schema: Any, value: Any, path: str, status_is_open: bool) -> list[str]:
    if isinstance(schema, (list, Keyed)) and isinstance(value, list):
        return [one for n, item in enumerate(value) for one in _unknown(_item(schema), item, f"{path}[{n}]", False)]
    if not isinstance(value, dict) or not isinstance(schema, (dict, Map)):
        return []
    found = []
    for name, one in value.items():
        at = f"{path}.{name}" if path else name
        if isinstance(schema, dict) and name not in schema:
            found.append(at)
        elif not (name == "status" and status_is_open):
            found += _unknown(_field(schema, name), one, at, False)
    return found


def _item(schema: Any) -> Any:
    return schema.item if isinstance(schema, Keyed) else schema[0]


def _field(schema: Any, name: str) -> Any:
    return schema.value if isinstance(schema, Map) else schema.get(name, ANY)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(type(value), "value")
