"""Putting a target onto a cluster that is the harness's own: apply its objects, wait until it serves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import Target


def deploy_target(
    context: str, kubeconfig: str, items: Sequence[Json], targets: Sequence[Target], *, limit_seconds: int = 180
) -> None:
    """Apply the objects in order (server-side), then wait until every replica of `targets` is of its present template
    and ready. ClusterError says what was last seen when that takes longer; PlanError for an object of a kind that the
    cluster does not know."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    try:
        for item in items:
            api.apply(_path_of(api, item), item)
        for target in targets:
            _await_ready(api, find_target(api, target, context), limit_seconds)
        for item in items:
            if item["kind"] == "Service":
                _refuse_unserved(api, item)
    finally:
        api.close()


def _path_of(api: Api, item: Json) -> str:
    """The object's path, as the cluster's discovery names its kind."""
    version, kind, meta = str(item["apiVersion"]), item["kind"], item["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    known = [one for one in api.get(root)["resources"] if one["kind"] == kind and "/" not in one["name"]]
    if not known:
        raise PlanError(
            f"the cluster knows no {kind} of {version}",
            "leave the object out of embedded.manifests: the target must do without it here",
        )
    space = f"namespaces/{meta.get('namespace', 'default')}/" if known[0]["namespaced"] else ""
    return f"{root}/{space}{known[0]['name']}/{meta['name']}"


def _refuse_unserved(api: Api, service: Json) -> None:
    """A node port that somebody else on this machine listens on would send the drill's load to them."""
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "default")
    query = (("fieldSelector", f"involvedObject.kind=Service,involvedObject.name={name}"),)
    ports = tuple(f":{one['nodePort']}" for one in service["spec"].get("ports") or () if one.get("nodePort"))
    told = [
        event
        for event in api.items(f"/api/v1/namespaces/{namespace}/events", query)
        if event.get("reason") in ("FailedToListen", "Listening")
        and any(port in str(event.get("message")) for port in ports)
    ]
    last = max(told, key=lambda event: (str(event.get("lastTimestamp")), event["reason"]), default=None)
    if last is not None and last["reason"] == "FailedToListen":
        raise ClusterError(
            f"service/{name} in namespace {namespace} {printable(str(last.get('message')))}",
            "another embedded cluster may serve the same drill: `flowdrill cluster down --state FOLDER`",
        )


def _await_ready(api: Api, target: FoundTarget, limit_seconds: int) -> None:
    query = (
        ("watch", "true"),
        ("fieldSelector", f"metadata.name={target.name}"),
        ("timeoutSeconds", str(limit_seconds)),
    )
    seen = "nothing"
    with api.stream(target.collection, query, silence_seconds=limit_seconds) as stream:
        for line in stream.lines():
            workload = json.loads(line)["object"]
            if is_ready(workload):
                return
            seen = ready_counts(workload)
    reasons = _reasons(api.items(target.core("pods"), target.selector), target.container)
    raise ClusterError(
        f"{target.label} is not ready after {limit_seconds} s: {seen}{reasons}",
        f"`kubectl -n {target.namespace} describe pods` and `kubectl -n {target.namespace} logs {target.label}`",
    )


def is_ready(workload: Json) -> bool:
    """Return whether every wanted replica is of the workload's present template and ready, and no other is left."""
    meta, status = workload["metadata"], workload.get("status") or {}
    wanted = (workload.get("spec") or {}).get("replicas", 1)
    counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
    return bool(status.get("observedGeneration", 0) >= meta["generation"] and counts == {wanted})


def ready_counts(workload: Json) -> str:
    """Return what is there, as `1 of 2 replicas ready`."""
    status = workload.get("status") or {}
    return f"{status.get('readyReplicas', 0)} of {workload['spec'].get('replicas', 1)} replicas ready"


def _reasons(pods: Iterable[Json], container: str) -> str:
    statuses = [one for pod in pods for one in (pod.get("status") or {}).get("containerStatuses") or ()]
    waiting = [one["state"]["waiting"] for one in statuses if one["name"] == container and "waiting" in one["state"]]
    reasons = {one.get("reason") for one in waiting}
    return f" ({printable(', '.join(sorted(map(str, reasons))))})" if reasons else ""
