"""An object's fields by their paths, what may be shown of each, and who owns it by metadata.managedFields. Pure.

Paths are those of managedFields made readable: members of a list are named by what tells them apart, as the API server
does it: `spec.template.spec.containers[flow].env[MODE].value`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flowdrill.analysis.redaction import REDACTED, follows_secret_option, names_a_secret, redact
from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.redacted_yaml import secret_values
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.standing import ORDER, StandingObject, fact

_BY_ITSELF = frozenset({
    "managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "namespace", "name",
})  # fmt: skip
COUNTED = frozenset({
    "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas",
})  # annotations of the Deployment controller's own, which rise with every rollout  # fmt: skip
_MANIFEST = "kubectl.kubernetes.io/last-applied-configuration"  # the manifest once more, with whatever is in it
_KEYS = ("name", "mountPath", "containerPort", "key", "ip", "uid")  # what tells members of a list apart
_DEEPEST, _MOST_FIELDS, _LONGEST_NAME = 30, 4000, 400
_HASHED = frozenset({"name", "value"})

Step = str | tuple[str, str]  # a key, or (key, JSON) of the member of a list that it tells apart
Path = tuple[Step, ...]


def standing_object(item: Json) -> StandingObject:
    """Return an object's fields without its status, and without what changes by itself; at most 4000."""
    meta = as_mapping(item.get("metadata"))
    annotations = {name: text for name, text in as_mapping(meta.get("annotations")).items() if name not in COUNTED}
    kept = {key: value for key, value in meta.items() if key not in _BY_ITSELF} | {"annotations": annotations}
    rest = {key: value for key, value in item.items() if key not in {"apiVersion", "kind", "status", "metadata"}}
    return _fields({"metadata": kept, **rest}, meta.get("managedFields"), secret_values(item))


def standing_marks(item: Json) -> Mapping[str, str]:
    """Return an object's labels and annotations, by the same paths."""
    meta = as_mapping(item.get("metadata"))
    annotations = {name: text for name, text in as_mapping(meta.get("annotations")).items() if name not in COUNTED}
    return _fields({"metadata": {"labels": meta.get("labels"), "annotations": annotations}}, None, frozenset()).fields


def _fields(value: Json, managed_fields: Any, secrets: frozenset[str]) -> StandingObject:
    found: dict[str, str] = {}
    managers: dict[str, str] = {}
    for path, leaf, hidden in _leaves(value, (), hidden=False):
        if len(found) >= _MOST_FIELDS:
            found["…"] = "there are more"
            break
        name = printable(_spelled(path))[:_LONGEST_NAME]
        found[name] = fact(leaf, REDACTED if hidden else _redacted(leaf, secrets))
        manager = _owner(path, managed_fields)
        if manager is not None:
            managers[name] = manager
    return StandingObject(found, managers)


def _leaves(value: Any, path: Path, *, hidden: bool) -> Iterator[tuple[Path, Any, bool]]:
    """Everything that is neither empty nor made of other things, by the path to it, and whether its name says that it
    is secret."""
    if len(path) > _DEEPEST:
        yield path, value, hidden
    elif isinstance(value, dict):
        secret_pair = names_a_secret(str(value.get("name"))) and value.keys() <= _HASHED
        for key, inner in value.items():
            secret = hidden or key == _MANIFEST or _is_secret(key, inner, path) or (secret_pair and key == "value")
            yield from _leaves(inner, (*path, str(key)), hidden=secret)
    elif isinstance(value, list) and value:
        yield from _members(value, path, hidden=hidden)
    elif value not in (None, "", [], {}):
        yield path, value, hidden


def _members(values: list[Any], path: Path, *, hidden: bool) -> Iterator[tuple[Path, Any, bool]]:
    key = next((one for one in _KEYS if _tells_apart(one, values)), None)
    if key is None:
        for at, inner in enumerate(values):
            yield from _leaves(inner, (*path, ("", str(at))), hidden=hidden or follows_secret_option(values, at))
        return
    for inner in values:
        named = (*path, (key, json.dumps(inner[key])))
        found = list(_leaves(inner, named, hidden=hidden))
        apart = (*named, key)  # said by the path already, where there is anything else
        yield from (one for one in found if one[0] != apart or len(found) == 1)
    if len(values) > 1:
        yield (*path, ("", ORDER)), [inner[key] for inner in values], hidden


def _tells_apart(key: str, values: list[Any]) -> bool:
    names = [one.get(key) for one in values if isinstance(one, dict) and isinstance(one.get(key), (str, int))]
    return len(names) == len(values) and len(set(names)) == len(names)


def _is_secret(key: str, value: Any, path: Path) -> bool:
    """By its name. Where Kubernetes names a Secret, the name is none."""
    marks = bool(path) and path[-1] in ("annotations", "labels", "data", "stringData")
    return marks and isinstance(value, str) and names_a_secret(key)


def _redacted(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return redact(value, secrets)
    return REDACTED if isinstance(value, dict) else value


def _spelled(path: Path) -> str:
    text = ""
    for step in path:
        if isinstance(step, tuple):
            text += f"[{str(json.loads(step[1])) if step[0] else step[1]}]"
        else:
            text += f".{step}" if text else step
    return text


def _owner(path: Path, managed_fields: Any) -> str | None:
    """Who has set a field: whoever owns just that, else the list or mapping around it as one; of several, whoever wrote
    last."""
    ranked = [
        (depth, as_text(one.get("time")) or "", at, as_text(one.get("manager")))
        for at, one in enumerate(as_mappings(managed_fields))
        if (depth := _owned_depth(inside(one, "fieldsV1"), path)) is not None
    ]
    name = max(ranked, key=lambda one: one[:3], default=(0, "", 0, None))[3]
    return None if name is None else printable(name)[:128]


def _owned_depth(tree: Json, path: Path) -> int | None:
    """How many steps of the path an entry of managedFields names before it says that all below is owned; None where it
    does not own the field. Of annotations and labels each is owned by itself: one who has emptied them owns none."""
    for depth, step in enumerate(path):
        if not tree:
            return None if path[depth - 1] in ("annotations", "labels", "metadata") or not depth else depth
        found = _member(tree, step) if isinstance(step, tuple) else tree.get(f"f:{step}")
        if not isinstance(found, dict):
            return None
        tree = found
    return len(path) if not tree or "." in tree else None


def _member(tree: Json, step: tuple[str, str]) -> Any:
    key, wanted = step
    for name, below in tree.items():
        if not name.startswith("k:"):
            continue
        try:
            keys = as_mapping(json.loads(name[2:]))
        except (ValueError, RecursionError):
            continue
        if key in keys and json.dumps(keys[key]) == wanted:
            return below
    return None
