"""What a PersistentVolumeClaim must be, and what of it may change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowdrill.cluster.api.metadata_rules import Cause, quoted
from flowdrill.cluster.api.resource_types import Json
from flowdrill.model.resource_quantity import quantity

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_STORAGE = "spec.resources[storage]"


def claim_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a claim by itself."""
    spec = value["spec"]
    modes = spec.get("accessModes") or []
    if not modes:
        yield "spec.accessModes", "FieldValueRequired", "Required value: at least 1 access mode is required"
    for mode in modes:
        if mode not in _MODES:
            yield _not_supported("spec.accessModes", mode, _MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        message = "Forbidden: may not use ReadWriteOncePod with other access modes"
        yield "spec.accessModes", "FieldValueForbidden", message
    size = _size(spec)
    if size is None:
        yield _STORAGE, "FieldValueRequired", "Required value"
    elif not _is_positive(size):
        why = "must be greater than zero" if _is_quantity(size) else "quantities must match the regular expression"
        yield _STORAGE, "FieldValueInvalid", f"Invalid value: {quoted(size)}: {why}"
    if spec.get("volumeMode") not in ("Block", "Filesystem"):
        yield _not_supported("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def claim_change_errors(value: Json, previous: Json) -> Iterator[Cause]:
    """Yield what an update may not do: a bound claim can be asked to grow, one without a volume can be given its
    name; nothing else of the spec changes."""
    new, old = value["spec"], previous["spec"]
    bound = (previous.get("status") or {}).get("phase") == "Bound"
    changeable = {"volumeAttributesClassName"} if bound else set()
    changeable |= set() if old.get("volumeName") else {"volumeName"}
    if _fixed(new, changeable, bound=bound) != _fixed(old, changeable, bound=bound):
        yield "spec", "FieldValueForbidden", (
            "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            "bound claims"
        )  # fmt: skip
        return
    sizes = [_size(one) for one in (new, old)]
    if all(map(_is_positive, sizes)) and quantity(sizes[0]) < quantity(sizes[1]):
        message = "Forbidden: field can not be less than previous value"
        yield "spec.resources.requests.storage", "FieldValueForbidden", message


def _fixed(spec: Json, changeable: set[str], *, bound: bool) -> Json:
    fixed = {name: part for name, part in spec.items() if name not in changeable}
    if bound and isinstance(fixed.get("resources"), dict):
        fixed["resources"] = {name: part for name, part in fixed["resources"].items() if name != "requests"}
    return fixed


def _size(spec: Json) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _is_positive(size: Any) -> bool:
    return _is_quantity(size) and quantity(size) > 0


def _is_quantity(size: Any) -> bool:
    try:
        quantity(size)
    except ValueError:
        return False
    return True


def _not_supported(field: str, value: object, supported: tuple[str, ...]) -> Cause:
    listed = ", ".join(map(quoted, supported))
    return field, "FieldValueNotSupported", f"Unsupported value: {quoted(value)}: supported values: {listed}"
