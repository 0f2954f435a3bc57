"""What a scenario changes in the target's container and its ConfigMaps: computed from what is there. Pure."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.analysis.flow_changes import changed_flow
from flowdrill.analysis.flow_graph import is_flow_text
from flowdrill.analysis.redaction import redact
from flowdrill.errors import PlanError
from flowdrill.model.container_fields import variables_of
from flowdrill.model.release import Beside, Release
from flowdrill.model.scenario import ConfigMapChange, EnvChanges, WorkloadChanges

Json = dict[str, Any]
_PROBES = (
    ("readiness_probe", "readinessProbe"),
    ("liveness_probe", "livenessProbe"),
    ("startup_probe", "startupProbe"),
)
_OF_THE_CONTAINER = frozenset({"env", "resources", *(key for key, _ in _PROBES)})
_HANDLERS = frozenset({"httpGet", "tcpSocket", "exec", "grpc"})


def release_of(
    changes: WorkloadChanges, container: Mapping[str, Any], config_maps: Mapping[str, Mapping[str, str]],
    workload: str, read_source: ReadSource,
) -> Release:  # fmt: skip
    """Return what `changes` make of the container (as in the pod template) and of the ConfigMaps that it mounts (texts
    by name and key). PlanError, with what there is, when a change finds nothing to change."""
    where = f"{workload}: changes.workload"
    fields: Json = {}
    lines: list[str] = []
    variables = list(container.get("env") or ())
    env, env_lines = _env(changes.env, variables, f"{where}.env")
    if env_lines:
        fields["env"] = env
        lines += env_lines
    if changes.resources is not None:
        fields["resources"] = _merged(container.get("resources") or {}, changes.resources)
        lines.append(f"resources: {json.dumps(changes.resources)}")
    for key, name in _PROBES:
        wanted = getattr(changes, key)
        if wanted is not None:
            fields[name] = _probe(container.get(name) or {}, wanted)
            lines.append(f"{name}: {json.dumps(wanted)}")
    for name, value in fields.items():
        if value == container.get(name):
            raise PlanError(
                f"{where}: {name} is already as the scenario sets it", "mend the scenario: it changes nothing"
            )
    stable: Json = {name: container.get(name) for name in fields}
    if "env" in fields and len({one["name"] for one in variables}) == len(variables):  # else they cannot be told apart
        names = [*changes.env.unset, *changes.env.set]
        stable["env"], fields["env"] = variables_of(variables, names), variables_of(env, names)
    broken: Beside = {}
    kept: Beside = {}
    if changes.config_map is not None:
        kept, broken, line = _config(changes.config_map, config_maps, f"{where}.config_map", read_source)
        lines.append(line)
    told = tuple(redact(f"{workload}: {line}") for line in lines)
    return Release(fields, stable, broken, kept, told)


def beside_the_container(changes: WorkloadChanges) -> tuple[str, ...]:
    """Return which of the changes are of something else than the container: a pod alone does not have it."""
    made = [name for name, field in WorkloadChanges.model_fields.items() if getattr(changes, name) != field.default]
    return tuple(name for name in made if name not in _OF_THE_CONTAINER)


def _env(changes: EnvChanges, env: list[Json], where: str) -> tuple[list[Json], list[str]]:
    names = {str(one.get("name")) for one in env}
    lines = []
    for name in changes.unset:
        if name not in names:
            have = ", ".join(sorted(names)) or "no variable"
            raise PlanError(f"{where}.unset: the container sets no {name}", f"it sets: {have}")
        lines.append(f"env without {name}")
    kept = [one for one in env if one.get("name") not in changes.unset]
    for name, value in changes.set.items():
        one = {"name": name, "value": value}
        if one in kept:
            raise PlanError(f"{where}.set: {name} already has that value", "set another one")
        place = next((number for number, other in enumerate(kept) if other.get("name") == name), None)
        if place is None:
            kept.append(one)
        else:
            kept[place] = one
        lines.append(f"env {name}={value}")
    return kept, lines


def _merged(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Json:
    merged = copy.deepcopy(dict(there))
    for key, value in wanted.items():
        held = merged.get(key)
        merged[key] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged


def _probe(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> Json:
    """Merge a probe; another kind of handler replaces the one that is there."""
    handlers = _HANDLERS & set(wanted)
    kept = {key: value for key, value in there.items() if not handlers or key not in _HANDLERS or key in handlers}
    return _merged(kept, wanted)


def _config(
    change: ConfigMapChange, config_maps: Mapping[str, Mapping[str, str]], where: str, read_source: ReadSource
) -> tuple[Beside, Beside, str]:
    flows = [
        (name, key, text)
        for name, texts in sorted(config_maps.items())
        for key, text in sorted(texts.items())
        if change.name in (None, name) and change.key in (None, key) and (change.key is not None or is_flow_text(text))
    ]
    if len(flows) != 1:
        there = ", ".join(f"{name}/{key}" for name, texts in sorted(config_maps.items()) for key in sorted(texts))
        found = f"{len(flows)} flows in" if flows else "no flow in"
        raise PlanError(
            f"{where}: {found} the ConfigMaps that the container mounts",
            f"give name and key; they hold: {there or 'nothing'}",
        )
    name, key, text = flows[0]
    at = f"configmap/{name}, key {key}"
    changed = changed_flow(text, change.flow, f"{where} ({at})", read_source)
    stable, broken = ({f"configmap/{name}": {"data": {key: one}}} for one in (text, changed.text))
    return stable, broken, f"{at}: {'; '.join(changed.lines)}"
