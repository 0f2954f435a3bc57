"""The other workloads of the target's namespace, and the nodes: what a drill must not harm."""

from __future__ import annotations

from collections.abc import Collection

from flowdrill.analysis.redaction import redact
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.limit_look import LimitLook
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.model.around import Neighbour, NodeState
from flowdrill.model.json_shapes import as_count, as_mappings, as_text, inside
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.run_label import RUN_LABEL

_KINDS = ("deployments", "statefulsets", "daemonsets")


def neighbour_look(api: Api, namespace: str, spared: Collection[str]) -> LimitLook:
    """Return who looks at the workloads of the namespace; but not at `spared` (`deployment/NAME`), nor at what a drill
    has started."""

    def read(kind: str, item: Json) -> Neighbour | None:
        found = neighbour_of(kind.removesuffix("s"), item)
        started = RUN_LABEL in inside(item, "metadata", "labels")
        return None if started or found.name in spared else found

    paths = {kind: f"/apis/apps/v1/namespaces/{namespace}/{kind}" for kind in _KINDS}
    return LimitLook(api, LimitName.OTHER_WORKLOADS, paths, read)


def node_look(api: Api) -> LimitLook:
    """Return who looks at the cluster's nodes."""
    return LimitLook(api, LimitName.NODES, {"nodes": "/api/v1/nodes"}, lambda _, item: node_state_of(item))


def neighbour_of(kind: str, item: Json) -> Neighbour:
    """Return a Deployment, StatefulSet or DaemonSet as far as it is of interest."""
    spec, status = inside(item, "spec"), inside(item, "status")
    if kind == "daemonset":
        wanted, ready = _count(status, "desiredNumberScheduled"), _count(status, "numberReady")
        updated = _count(status, "updatedNumberScheduled")
    else:
        wanted, ready = _count(spec, "replicas", 1), _count(status, "readyReplicas")
        updated = _count(status, "updatedReplicas")
    behind = _count(status, "observedGeneration") < _count(inside(item, "metadata"), "generation")
    name = printable(as_text(inside(item, "metadata").get("name")) or "")
    return Neighbour(f"{kind}/{name}", ready, wanted, rolling=behind or updated < wanted)


def node_state_of(item: Json) -> NodeState:
    """Return a node: ready when it says so itself."""
    name = printable(as_text(inside(item, "metadata").get("name")) or "")
    conditions = as_mappings(inside(item, "status").get("conditions"))
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return NodeState(name, ready=True)
    said = as_text(ready.get("message")) or as_text(ready.get("reason")) or "it does not say why"
    return NodeState(name, ready=False, says=printable(f"it is not ready: {redact(said)}"))


def _count(of: Json, key: str, default: int = 0) -> int:
    found = as_count(of.get(key))
    return default if found is None else found
