"""Server-side apply, and who manages which field."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from flowdrill.cluster.api.field_sets import Path, fields_v1, paths_of_v1, shown, value_at, values_of, without
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import ANY, Keyed, Map, schema_of
from flowdrill.cluster.api.status_error import StatusError, bad_request

_Owner = tuple[str, str, str]  # manager, operation, subresource


def applied(
    resource: ResourceType, current: Json | None, configuration: Json, manager: str, *,
    force: bool, now: datetime, subresource: str = "",
) -> Json:  # fmt: skip
    """Return the object after an apply (a copy): fields of the configuration set, fields that this manager applied
    before and left out now removed unless somebody else has them too. StatusError 409 naming every manager that has set
    one of the fields to something else, unless `force`."""
    if not manager:
        raise bad_request(
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
        )
    values = values_of(resource, configuration, subresource)
    wanted = frozenset(values)
    if current is None:
        new: Json = copy.deepcopy(configuration)
        _write(new, {(manager, "Apply", subresource): wanted}, {}, resource, now)
        return new
    owners = _owners(current)
    me = (manager, "Apply", subresource)
    own_before = owners.get(me, frozenset())
    present = values_of(resource, current, subresource)
    changed = frozenset(
        p for p in wanted if _differs(resource, present[p] if p in present else value_at(current, p), values[p], p)
    )
    conflicts = [(owner, path) for owner, paths in sorted(owners.items()) if owner != me
                 for path in sorted(paths & changed)]  # fmt: skip
    if conflicts and not force:
        raise _conflict(resource, current, conflicts)
    new = _merged(schema_of(resource) or {}, copy.deepcopy(current), configuration)
    others = frozenset[Path]().union(*(paths for owner, paths in owners.items() if owner != me))
    needed = {path[:steps] for path in others | wanted for steps in range(1, len(path) + 1)}
    for path in sorted(own_before - needed, key=len):  # items before their keys, by which they are found
        without(new, path)
    times = _times(current)
    after = {owner: paths - changed for owner, paths in owners.items() if owner != me}
    after = {owner: paths for owner, paths in after.items() if paths}
    if after.get(me) != wanted and own_before != wanted:
        times.pop(me, None)
    _write(new, {**after, me: wanted}, times, resource, now)
    return new


def record_update(
    resource: ResourceType, previous: Json | None, value: Json, manager: str, now: datetime, subresource: str = ""
) -> None:
    """Write into an object (a copy) that `manager` created or changed it by anything but an apply."""
    if previous is None:
        _write(value, {(manager, "Update", ""): frozenset(values_of(resource, value))}, {}, resource, now)
        return
    owners, times = _owners(previous), _times(previous)
    before, after = values_of(resource, previous, subresource), values_of(resource, value, subresource)
    changed = {p for p in after if p not in before or _differs(resource, before[p], after[p], p)}
    if not changed and before.keys() == after.keys():
        value["metadata"]["managedFields"] = previous["metadata"].get("managedFields") or []
        return
    me = (manager, "Update", subresource)
    gone = before.keys() - after.keys()
    kept = {owner: paths - (changed if owner != me else set()) - gone for owner, paths in owners.items()}
    kept[me] = kept.get(me, frozenset()) | changed
    times.pop(me, None)
    _write(value, {owner: frozenset(paths) for owner, paths in kept.items() if paths}, times, resource, now)


def _differs(resource: ResourceType, a: Any, b: Any, path: Path) -> bool:
    """Whether two values of the field at a path are different, apart from fields below it."""
    if isinstance(a, dict) and isinstance(b, dict):
        return False  # its fields are paths of their own
    if isinstance(a, list) and isinstance(b, list) and _is_keyed(resource, path):
        return False  # its items are, too
    return bool(a != b)


def _is_keyed(resource: ResourceType, path: Path) -> bool:
    schema: Any = schema_of(resource) or {}
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            schema = (
                schema.value if isinstance(schema, Map) else schema.get(rest, ANY) if isinstance(schema, dict) else ANY
            )
        else:
            schema = schema.item if isinstance(schema, Keyed) else ANY
    return isinstance(schema, Keyed)


def _merged(schema: Any, current: Any, configuration: Any) -> Any:
    if isinstance(schema, Keyed) and isinstance(current, list) and isinstance(configuration, list):
        return _merged_list(schema, current, configuration)
    if isinstance(current, dict) and isinstance(configuration, dict):
        for name, part in configuration.items():
            below = (
                schema.value if isinstance(schema, Map) else schema.get(name, ANY) if isinstance(schema, dict) else ANY
            )
            current[name] = _merged(below, current.get(name), part)
        return current
    return copy.deepcopy(configuration)


def _merged_list(schema: Keyed, current: list[Any], configuration: list[Any]) -> list[Any]:
    if not schema.keys:
        return [*current, *(one for one in configuration if one not in current)]

    def key(one: Any) -> tuple[Any, ...]:
        return (
            tuple(one.get(name, "TCP" if name == "protocol" else None) for name in schema.keys)
            if isinstance(one, dict)
            else (one,)
        )

    known = {key(one): one for one in current}
    named = [key(one) for one in configuration]
    result = [
        _merged(schema.item, known[key(one)], one) if key(one) in known else copy.deepcopy(one) for one in configuration
    ]
    return [*result, *(one for one in current if key(one) not in named)]


def _owners(value: Json) -> dict[_Owner, frozenset[Path]]:
    entries = [one for one in value["metadata"].get("managedFields") or () if isinstance(one, dict)]
    return {_owner(one): frozenset(paths_of_v1(one.get("fieldsV1"))) for one in entries}


def _times(value: Json) -> dict[_Owner, str]:
    entries = [one for one in value["metadata"].get("managedFields") or () if isinstance(one, dict)]
    return {_owner(one): str(one.get("time")) for one in entries}


def _owner(entry: Json) -> _Owner:
    return str(entry.get("manager")), str(entry.get("operation")), str(entry.get("subresource") or "")


def _write(
    value: Json, owners: dict[_Owner, frozenset[Path]], times: dict[_Owner, str], resource: ResourceType, now: datetime
) -> None:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = []
    for owner, paths in owners.items():
        if not paths:
            continue
        manager, operation, subresource = owner
        entry: Json = {"manager": manager, "operation": operation, "apiVersion": resource.api_version}
        entry |= {"time": times.get(owner, stamp), "fieldsType": "FieldsV1", "fieldsV1": fields_v1(paths)}
        entries.append(entry | ({"subresource": subresource} if subresource else {}))
    value["metadata"]["managedFields"] = sorted(entries, key=lambda one: (one["operation"] != "Apply", one["time"]))


def _conflict(resource: ResourceType, current: Json, conflicts: list[tuple[_Owner, Path]]) -> StatusError:
    causes, lines = [], []
    for (manager, operation, subresource), path in conflicts:
        using = "" if operation == "Apply" else f' with subresource "{subresource}"' if subresource else ""
        using += "" if operation == "Apply" else f" using {resource.api_version}"
        causes.append((shown(path), "FieldManagerConflict", f'conflict with "{manager}"{using}'))
        lines.append(f'conflict with "{manager}"{using}: {shown(path)}')
    many = "conflict" if len(lines) == 1 else "conflicts"
    text = lines[0] if len(lines) == 1 else "\n".join(["", *(f"- {line}" for line in lines)])
    message = f"Apply failed with {len(lines)} {many}: {text.removeprefix(chr(10)) if len(lines) == 1 else text}"
    details = {"name": current["metadata"]["name"], "kind": resource.plural}
    return StatusError(409, "Conflict", message, details, causes)
