"""What a release changes of a container beside its image: as a patch, and on a container at hand.

A field is changed as a whole, but for `env`: of it only the variables that the release changes, so that those that
somebody else sets meanwhile stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Fields = Mapping[str, Any]  # as Kubernetes' JSON has them, None: the field goes; `env`: what `variables_of` returns
NO_FIELDS: Fields = {}
_VARIABLES, _ORDER = "variables", "order"
_SOURCES = ("value", "valueFrom")  # of a variable: it has one of them


def variables_of(env: Iterable[Mapping[str, Any]], names: Iterable[str]) -> Fields:
    """Return the variables of these names as they are in `env` (None: not there), and the order of all that are."""
    there = {str(one["name"]): dict(one) for one in env}
    return {_VARIABLES: {name: there.get(name) for name in names}, _ORDER: list(there)}


def container_patch(container: str, image: str, fields: Fields) -> dict[str, Any]:
    """Return the strategic merge patch that sets a container's image and `fields`."""
    changed: dict[str, Any] = {"name": container, "image": image}
    for name, value in fields.items():
        changed |= _variables_patch(value) if _is_variables(name, value) else {name: _whole(value)}
    return {"spec": {"template": {"spec": {"containers": [changed]}}}}


def has_fields(container: Mapping[str, Any], fields: Fields) -> bool:
    """Return whether the container is as `fields` say."""
    return all(_has(container, name, value) for name, value in fields.items())


def with_fields(container: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return the container as the patch of `fields` would leave it."""
    changed = dict(container)
    for name, value in fields.items():
        changed[name] = _with_variables(container, value) if _is_variables(name, value) else value
    return {name: value for name, value in changed.items() if value is not None}


def _is_variables(name: str, value: Any) -> bool:
    """An undo may come from a cluster: what only looks like variables is a value as any other."""
    if name != "env" or not isinstance(value, Mapping) or value.keys() != {_VARIABLES, _ORDER}:
        return False
    variables, order = value[_VARIABLES], value[_ORDER]
    if not isinstance(variables, Mapping) or not isinstance(order, list | tuple):
        return False
    named = all(one is None or (isinstance(one, Mapping) and one.get("name") == at) for at, one in variables.items())
    return named and all(isinstance(one, str) for one in order)


def _variables_patch(value: Mapping[str, Any]) -> dict[str, Any]:
    """The variables in their order: a patch must name them in the order that it asks for."""
    variables, order = value[_VARIABLES], value[_ORDER]
    gone = [{"name": name, "$patch": "delete"} for name, one in variables.items() if one is None]
    kept = [{**dict.fromkeys(_SOURCES), **variables[name]} for name in order if variables.get(name)]
    return {"env": [*kept, *gone], "$setElementOrder/env": [{"name": name} for name in order]}


def _whole(value: Any) -> Any:
    replace = {"$patch": "replace"}
    if isinstance(value, list):
        return [*value, replace]
    return {**value, **replace} if isinstance(value, dict) else value


def _has(container: Mapping[str, Any], name: str, value: Any) -> bool:
    if not _is_variables(name, value):
        return (container.get(name) or None) == (value or None)
    there = {one.get("name"): one for one in container.get(name) or ()}
    return all(_set(there.get(variable)) == _set(one) for variable, one in value[_VARIABLES].items())


def _set(variable: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """A variable without its empty value: the API server keeps none."""
    return None if variable is None else {key: one for key, one in variable.items() if one}


def _with_variables(container: Mapping[str, Any], value: Mapping[str, Any]) -> list[Any] | None:
    merged = {str(one.get("name")): one for one in container.get("env") or ()} | value[_VARIABLES]
    order = [*value[_ORDER], *(name for name in merged if name not in value[_ORDER])]
    return [merged[name] for name in order if merged.get(name) is not None] or None
