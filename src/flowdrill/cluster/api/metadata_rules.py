"""What every object's metadata must be: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType

Cause = tuple[str, str, str]  # field, reason, message
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PATH_NAME = re.compile(r"[^/%]+")
_SENTENCESUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
DNS_LABEL_SENTENCE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_NAMES = frozenset({"Namespace", "Service"})
_FREE_NAMES = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
_LARGEST_ANNOTATIONS = 256 << 10


def metadata_errors(resource: ResourceType, value: Json, previous: Json | None) -> Iterator[Cause]:
    """Yield what is wrong with an object's metadata; `previous` is its present state."""
    meta = value["metadata"]
    yield from _name(resource, meta["name"])
    yield from label_errors(meta.get("labels"), "metadata.labels")
    yield from _annotations(meta.get("annotations") or {})
    yield from _owners(meta.get("ownerReferences") or ())
    if previous is not None and "deletionTimestamp" in previous["metadata"]:
        added = sorted({*(meta.get("finalizers") or ())} - {*(previous["metadata"].get("finalizers") or ())})
        if added:
            message = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
            yield "metadata.finalizers", "FieldValueForbidden", message + quoted(added)


def _name(resource: ResourceType, name: str) -> Iterator[Cause]:
    if resource.own_kind in _FREE_NAMES:
        if not _PATH_NAME.fullmatch(name) or name in (".", ".."):
            yield "metadata.name", "FieldValueInvalid", f"Invalid value: {quoted(name)}: may not contain '/' or '%'"
    elif resource.own_kind in _LABEL_NAMES:
        if not DNS_LABEL.fullmatch(name) or len(name) > 63:
            yield "metadata.name", "FieldValueInvalid", f"Invalid value: {quoted(name)}: {DNS_LABEL_SENTENCE}"
    elif not SUBDOMAIN.fullmatch(name) or len(name) > 253:
        yield "metadata.name", "FieldValueInvalid", f"Invalid value: {quoted(name)}: {_SENTENCESUBDOMAIN}"


def _annotations(annotations: Json) -> Iterator[Cause]:
    if (
        sum(len(str(key).encode()) + len(str(text).encode()) for key, text in annotations.items())
        > _LARGEST_ANNOTATIONS
    ):
        message = f"Too long: may not be more than {_LARGEST_ANNOTATIONS} bytes"
        yield "metadata.annotations", "FieldValueTooLong", message
    for key in annotations:
        if not _QUALIFIED.fullmatch(key):
            yield "metadata.annotations", "FieldValueInvalid", f"Invalid value: {quoted(key)}: name part is not valid"


def _owners(owners: Iterable[Json]) -> Iterator[Cause]:
    for number, one in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not one.get(name):
                field = f"metadata.ownerReferences[{number}].{name}"
                yield field, "FieldValueRequired", "Required value: must not be empty"
    if sum(bool(one.get("controller")) for one in owners) > 1:
        message = "Invalid value: Only one reference can have Controller set to true"
        yield "metadata.ownerReferences", "FieldValueInvalid", message


def label_errors(labels: Json | None, field: str) -> Iterator[Cause]:
    """Yield what is wrong with labels."""
    for key, text in (labels or {}).items():
        if not _QUALIFIED.fullmatch(key):
            yield field, "FieldValueInvalid", f"Invalid value: {quoted(key)}: name part is not valid"
        if len(str(text)) > 63 or not _LABEL_VALUE.fullmatch(str(text)):
            yield field, "FieldValueInvalid", (
                f"Invalid value: {quoted(text)}: a valid label must be an empty string or consist of alphanumeric "
                "characters, '-', '_' or '.', and must start and end with an alphanumeric character"
            )  # fmt: skip


def dns_label_errors(name: str, field: str) -> Iterator[Cause]:
    """Yield what is wrong with a name that must be a DNS label."""
    if not name:
        yield field, "FieldValueRequired", "Required value"
    elif len(name) > 63:
        yield field, "FieldValueInvalid", f"Invalid value: {quoted(name)}: must be no more than 63 characters"
    elif not DNS_LABEL.fullmatch(name):
        yield field, "FieldValueInvalid", f"Invalid value: {quoted(name)}: {DNS_LABEL_SENTENCE}"


def quoted(value: Any) -> str:
    """Return a value as messages show it."""
    return f'"{value}"' if isinstance(value, str) else str(value)[:200]
