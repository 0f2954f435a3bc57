"""Which fields an object has, as sets of paths; and `fieldsV1`, the form managedFields keeps them in.

A step of a path is `f:NAME` for a field, `k:{"name":"x"}` for an item of a merged list, `v:VALUE` for an item of a set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import ANY, Keyed, Map, schema_of

Path = tuple[str, ...]
_DEFAULT_KEYS = {"protocol": "TCP"}
_NOBODYS = frozenset({
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields", "selfLink", "generateName",
})  # fmt: skip


def values_of(resource: ResourceType, value: Json, subresource: str = "") -> dict[Path, Any]:
    """Return all fields that a manager can own, and their values: of the status alone, or of all but it."""
    schema = schema_of(resource) or {}
    found: dict[Path, Any] = {}
    for name, part in value.items():
        if name in ("apiVersion", "kind") or (name == "status") != (subresource == "status"):
            continue
        if name == "metadata":
            part = {key: one for key, one in part.items() if key not in _NOBODYS}  # noqa: PLW2901 - narrowed
            if not part:
                continue
        found.update(_paths(schema.get(name, ANY), part, (f"f:{name}",)))
    return found


def value_at(value: Json, path: Path) -> Any:
    """Return what an object has at a path, None when it has nothing there."""
    return _at(value, path)


def fields_v1(paths: frozenset[Path]) -> Json:
    """Return the nested form; `.` marks a path that is owned itself and has owned ones below it."""
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node["."] = {}
    return _pruned(tree)


def paths_of_v1(tree: Any, above: Path = ()) -> Iterator[Path]:
    """Yield the paths of the nested form. What is malformed is left out."""
    if not isinstance(tree, dict) or len(above) > 60:
        return
    if above and (not tree or "." in tree):
        yield above
    for step, below in tree.items():
        if step != ".":
            yield from paths_of_v1(below, (*above, step))


def shown(path: Path) -> str:
    """Return a path as conflicts name it: `.spec.containers[name="flow"].image`."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "k":
            keys = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(json.loads(rest).items()))
            text += f"[{keys}]"
        else:
            text += f"[={rest}]" if kind == "v" else f".{rest}"
    return text


def without(value: Json, path: Path) -> None:
    """Take the field at a path out of an object, when it is there. The keys of a list's item stay with it."""
    parent = _at(value, path[:-1])
    step, (kind, _, rest) = path[-1], path[-1].partition(":")
    above, _, keys = path[-2].partition(":") if len(path) > 1 else ("", "", "")
    if above == "k" and rest in json.loads(keys):
        return
    if isinstance(parent, dict) and kind == "f":
        parent.pop(rest, None)
    elif isinstance(parent, list):
        parent[:] = [one for one in parent if _step_of_item(one, step) != step]


def _paths(schema: Any, value: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(schema, Keyed) and isinstance(value, list):
        yield at, value
        for one in value:
            step = _step(schema, one)
            yield (*at, step), one
            if isinstance(one, dict):
                for name, part in one.items():
                    yield from _paths(_part(schema.item, name), part, (*at, step, f"f:{name}"))
    elif isinstance(value, dict) and value:
        if isinstance(schema, Map):
            yield at, value
        for name, part in value.items():
            yield from _paths(_part(schema, name), part, (*at, f"f:{name}"))
    else:
        yield at, value


def _step(schema: Keyed, one: Any) -> str:
    if schema.keys and isinstance(one, dict):
        keys = {key: one.get(key, _DEFAULT_KEYS.get(key)) for key in schema.keys}
        return f"k:{_compact({key: value for key, value in keys.items() if value is not None})}"
    return f"v:{_compact(one)}"


def _step_of_item(one: Any, like: str) -> str:
    """The step of an item of a list, with the keys that another step uses."""
    kind, _, rest = like.partition(":")
    if kind == "k" and isinstance(one, dict):
        keys = json.loads(rest)
        return f"k:{_compact({key: one.get(key, _DEFAULT_KEYS.get(key)) for key in keys})}"
    return f"v:{_compact(one)}"


def _at(value: Any, path: Path) -> Any:
    found = value
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            found = found.get(rest) if isinstance(found, dict) else None
        else:
            items = found if isinstance(found, list) else []
            found = next((one for one in items if _step_of_item(one, step) == step), None)
    return found


def _part(schema: Any, name: str) -> Any:
    if isinstance(schema, Map):
        return schema.value
    return schema.get(name, ANY) if isinstance(schema, dict) else ANY


def _pruned(tree: Json) -> Json:
    return {step: {} if set(below) == {"."} else _pruned(below) if step != "." else {} for step, below in tree.items()}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
