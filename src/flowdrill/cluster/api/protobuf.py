"""Reading the protobuf that kubectl writes its own small objects in (`auth can-i`, `create role` …); answers are JSON.

Only kinds whose fields are few are known. Field numbers are those of Kubernetes' `generated.proto` files.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.status_error import StatusError, bad_request

_MAGIC = b"k8s\0"
_TEXT, _NUMBER, _FLAG, _BYTES = "text", "number", "flag", "bytes"
_Shape = dict[int, tuple[str, Any]]  # number -> (name, type): `[type]` repeats, `{"": type}` is a map of texts

_META: _Shape = {
    1: ("name", _TEXT), 2: ("generateName", _TEXT), 3: ("namespace", _TEXT), 5: ("uid", _TEXT),
    6: ("resourceVersion", _TEXT), 11: ("labels", {"": _TEXT}), 12: ("annotations", {"": _TEXT}),
    14: ("finalizers", [_TEXT]),
}  # fmt: skip
_RULE: _Shape = {
    1: ("verbs", [_TEXT]), 2: ("apiGroups", [_TEXT]), 3: ("resources", [_TEXT]), 4: ("resourceNames", [_TEXT]),
    5: ("nonResourceURLs", [_TEXT]),
}  # fmt: skip
_SUBJECT: _Shape = {1: ("kind", _TEXT), 2: ("apiGroup", _TEXT), 3: ("name", _TEXT), 4: ("namespace", _TEXT)}
_ROLE: _Shape = {1: ("metadata", _META), 2: ("rules", [_RULE])}
_BINDING: _Shape = {
    1: ("metadata", _META), 2: ("subjects", [_SUBJECT]),
    3: ("roleRef", {1: ("apiGroup", _TEXT), 2: ("kind", _TEXT), 3: ("name", _TEXT)}),
}  # fmt: skip
_ATTRIBUTES: _Shape = {
    1: ("namespace", _TEXT), 2: ("verb", _TEXT), 3: ("group", _TEXT), 4: ("version", _TEXT), 5: ("resource", _TEXT),
    6: ("subresource", _TEXT), 7: ("name", _TEXT),
}  # fmt: skip
_ACCESS: _Shape = {1: ("resourceAttributes", _ATTRIBUTES),
                   2: ("nonResourceAttributes", {1: ("path", _TEXT), 2: ("verb", _TEXT)})}  # fmt: skip
_KINDS: dict[str, _Shape] = {
    "SelfSubjectAccessReview": {1: ("metadata", _META), 2: ("spec", _ACCESS)},
    "SelfSubjectRulesReview": {1: ("metadata", _META), 2: ("spec", {1: ("namespace", _TEXT)})},
    "SelfSubjectReview": {1: ("metadata", _META)},
    "TokenRequest": {
        1: ("metadata", _META), 2: ("spec", {1: ("audiences", [_TEXT]), 4: ("expirationSeconds", _NUMBER)}),
    },
    "ConfigMap": {
        1: ("metadata", _META), 2: ("data", {"": _TEXT}), 3: ("binaryData", {"": _BYTES}), 4: ("immutable", _FLAG),
    },
    "Secret": {
        1: ("metadata", _META), 2: ("data", {"": _BYTES}), 3: ("type", _TEXT), 4: ("stringData", {"": _TEXT}),
        5: ("immutable", _FLAG),
    },
    "Namespace": {1: ("metadata", _META)},
    "ServiceAccount": {1: ("metadata", _META)},
    "Role": _ROLE, "ClusterRole": _ROLE, "RoleBinding": _BINDING, "ClusterRoleBinding": _BINDING,
    "DeleteOptions": {
        1: ("gracePeriodSeconds", _NUMBER), 2: ("preconditions", {1: ("uid", _TEXT), 2: ("resourceVersion", _TEXT)}),
        4: ("propagationPolicy", _TEXT), 5: ("dryRun", [_TEXT]),
    },
}  # fmt: skip


def object_in_protobuf(body: bytes) -> Json:
    """Return the object of a body; StatusError 415 for a kind that is not read here, 400 for what is damaged."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is no protobuf object of Kubernetes")
    try:
        envelope = dict(_fields(body[len(_MAGIC) :]))
        about = dict(_fields(envelope[1]))
        api_version, kind = (about[number].decode() for number in (1, 2))
        shape = _KINDS.get(kind)
        if shape is None:
            raise StatusError(
                415, "UnsupportedMediaType", f"the embedded cluster reads a {kind} as JSON only: use `kubectl apply -f`"
            )
        return {"apiVersion": api_version, "kind": kind, **_object(shape, envelope.get(2, b""))}
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise bad_request(f"the body is damaged: {error}") from error


def _object(shape: _Shape, content: bytes) -> Json:
    found: Json = {}
    for number, raw in _fields(content):
        if number not in shape:
            continue
        name, kind = shape[number]
        if isinstance(kind, list):
            found.setdefault(name, []).append(_value(kind[0], raw))
        elif isinstance(kind, dict) and "" in kind:
            entry = dict(_fields(raw))
            found.setdefault(name, {})[entry.get(1, b"").decode()] = _value(kind[""], entry.get(2, b""))
        else:
            value = _value(kind, raw)
            if value not in ("", {}):
                found[name] = value
    return found


def _value(kind: Any, raw: Any) -> Any:
    if isinstance(kind, dict):
        return _object(kind, raw)
    if kind == _TEXT:
        return raw.decode()
    if kind == _BYTES:
        return base64.b64encode(raw).decode()
    if not isinstance(raw, int):
        raise TypeError("a number has the form of a text")
    return bool(raw) if kind == _FLAG else raw - (1 << 64) if raw >> 63 else raw  # negative ones are two's complements


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value): a number for a varint, bytes for everything that has a length."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        match key & 7:
            case 0:
                value, at = _varint(content, at)
                yield key >> 3, value
            case 2:
                size, at = _varint(content, at)
                if at + size > len(content):
                    raise ValueError("it ends too early")
                yield key >> 3, content[at : at + size]
                at += size
            case 1:
                at += 8
            case 5:
                at += 4
            case other:
                raise ValueError(f"wire type {other}")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = content[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number without end")
