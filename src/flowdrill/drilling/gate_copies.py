"""A copy of a drill's target in a namespace of its own on the embedded cluster, so that several drills of one workload
can be at work at once there."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flowdrill.edges.planfiles.manifests import read_manifests
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.obstacle_plan import KEEPS_PODS_FROM_PULLING
from flowdrill.preparing.drill_file import DrillFile

_NODE_PORTS = range(30000, 32768)
_LOOPBACK = ("127.0.0.1", "localhost")
Json = dict[str, Any]


def why_alone(plan: DrillFile) -> str | None:
    """Return why no other drill may go on beside it, wherever it is; None when one may."""
    drill = plan.drill
    if any(one.kind in KEEPS_PODS_FROM_PULLING for one in drill.obstacles):
        return "its obstacle is in the way of other drills, too"
    if any(one.type == "action" for _, one in drill.chaos.activities):
        return "nobody knows what its activities touch"
    return None


def why_no_copy(plan: DrillFile) -> str | None:
    """Return why the drill's target cannot be copied into another namespace; None when it can. PlanError when its
    manifests cannot be read."""
    drill = plan.drill
    if drill.embedded is None:
        return "it brings no target along"
    alone = why_alone(plan)
    if alone is not None:
        return alone
    if drill.guard.in_cluster is not None or drill.by_people or drill.detect.prometheus is not None:
        return "more than its target is set up for it"
    space, items = drill.target.namespace, _items(plan)
    port = _port_of(drill, items)
    if port is None:
        return "load.url is no node port of its manifests"
    if any("namespace" not in one["metadata"] for one in items if one["kind"] != "Namespace"):
        return "its manifests hold more than one namespace does"
    left = [*_texts(_moved(items, space, "another")), *_texts(_elsewhere(drill))]
    for name in (space, str(port)):
        word = re.compile(rf"(?<![-a-z0-9]){re.escape(name)}(?![-a-z0-9])")
        if any(map(word.search, left)):
            return f"{name} is also named elsewhere in it"
    return None


Ports = dict[tuple[int, int], int]  # by the node port in the manifests, and the lane


def ports_for(plans: Sequence[DrillFile], lanes: int) -> Ports:
    """Return a node port for each copy of each target, all free now; PlanError when there are not so many."""
    wanted = sorted({port for one in plans if (port := _port_of(one.drill, _items(one))) is not None})
    free = _free_ports()
    try:
        return {(port, lane): next(free) for port in wanted for lane in range(1, lanes + 1)}
    except StopIteration:
        raise PlanError("no node port is free for another copy of the target", "use a smaller --parallel") from None


def copy_of(plan: DrillFile, lane: int, ports: Ports, folder: Path) -> DrillFile:
    """Return the same drill of a copy of its target, in the namespace `NAMESPACE-lane-LANE`, at a node port of
    `ports_for`. Its manifests are written into `folder`. RunFolderError when they cannot be."""
    drill, items = plan.drill, _items(plan)
    was = _port_of(drill, items)
    assert drill.embedded is not None  # noqa: S101 - see `why_no_copy`
    assert was is not None  # noqa: S101 - see `why_no_copy`
    port = ports[was, lane]
    namespace = f"{drill.target.namespace[:50]}-lane-{lane}"
    moved = _moved(items, drill.target.namespace, namespace)
    for one in moved:
        for each in (one.get("spec") or {}).get("ports") or () if one["kind"] == "Service" else ():
            if each.get("nodePort") == was:
                each["nodePort"] = port
            else:
                each.pop("nodePort", None)
    file = folder / f"{drill.drill}-{lane}.yaml"
    try:
        file.write_text("\n---\n".join(map(json.dumps, moved)), "utf-8")
    except OSError as error:
        raise RunFolderError(f"{file}: {error.strerror}", "make room, and ask the gate again") from error
    flow = drill.embedded.flow and str((plan.path.parent / drill.embedded.flow).absolute())
    changed = {
        "target": drill.target.model_copy(update={"namespace": namespace}),
        "embedded": drill.embedded.model_copy(update={"manifests": str(file.absolute()), "flow": flow}),
        "load": drill.load.model_copy(update={"url": drill.load.url.replace(f":{was}", f":{port}", 1)}),
    }
    return replace(plan, drill=drill.model_copy(update=changed))


def _items(plan: DrillFile) -> list[Json]:
    assert plan.drill.embedded is not None  # noqa: S101 - for the type checker
    return read_manifests(plan.path.parent / plan.drill.embedded.manifests)


def _port_of(drill: Drill, items: list[Json]) -> int | None:
    """The node port that the load is sent to."""
    parts = urlsplit(drill.load.url)
    ports = [
        one.get("nodePort")
        for item in items
        if item["kind"] == "Service"
        for one in (item.get("spec") or {}).get("ports") or ()
    ]
    return parts.port if parts.hostname in _LOOPBACK and parts.port in ports else None


def _moved(items: list[Json], was: str, now: str) -> list[Json]:
    moved = []
    for one in items:
        meta = {**one["metadata"]}
        for key in ("namespace", *(("name",) if one["kind"] == "Namespace" else ())):
            if meta.get(key) == was:
                meta[key] = now
        moved.append({**one, "metadata": meta})
    return moved


def _elsewhere(drill: Drill) -> Json:
    data = drill.model_dump(mode="json", by_alias=True, exclude={"description", "embedded", "drill", "extends"})
    data["target"].pop("namespace")
    data["load"].pop("url")
    return data


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from _texts(key)
            yield from _texts(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _texts(held)


def _free_ports() -> Iterator[int]:
    """From the last one down: what manifests and clusters take by themselves is further up front."""
    for port in reversed(_NODE_PORTS):
        with closing(socket.socket()) as tried:
            try:
                tried.bind((_LOOPBACK[0], port))
            except OSError:
                continue
        yield port
