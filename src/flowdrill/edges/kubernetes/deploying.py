"""Putting a target onto a cluster that is the harness's own: apply its objects, wait until it serves."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.edges.kubernetes.watch_events import watch_event
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import Target
from flowdrill.model.json_shapes import inside

_LOOPBACK = "127.0.0.1"
_CONNECT_SECONDS = 5.0


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
                _refuse_diverted(api, item)
    finally:
        api.close()


def _path_of(api: Api, item: Json) -> str:
    """The object's path, as the cluster's discovery names its kind."""
    version, kind, meta = str(item["apiVersion"]), item["kind"], item["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    resources = api.get(root).get("resources") or ()
    known = [one for one in resources if one.get("kind") == kind and "/" not in one["name"]]
    if not known:
        raise PlanError(
            f"the cluster knows no {kind} of {version}",
            "leave the object out of embedded.manifests: the target must do without it here",
        )
    space = f"namespaces/{meta.get('namespace', 'default')}/" if known[0].get("namespaced") else ""
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


def _refuse_diverted(api: Api, service: Json) -> None:
    """Packet rules of another Kubernetes on this machine (a kube-proxy's; they outlive it) take connections to a node
    port away from whoever listens on it."""
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "default")
    endpoints = api.get(f"/api/v1/namespaces/{namespace}/endpoints/{name}")
    if not any(one.get("addresses") for one in endpoints.get("subsets") or ()):
        return
    for port in [one["nodePort"] for one in service["spec"].get("ports") or () if one.get("nodePort")]:
        try:
            socket.create_connection((_LOOPBACK, port), _CONNECT_SECONDS).close()
        except ConnectionResetError:
            continue  # it has arrived, and no pod took it
        except OSError as error:
            raise ClusterError(
                f"service/{name} in namespace {namespace} listens on {_LOOPBACK}:{port}, but connections to it do not "
                f"arrive ({error})",
                f"rules of another Kubernetes on this machine may take them (`iptables-save | grep {port}`): remove "
                "its Service, or give this one another nodePort",
            ) from error


def _await_ready(api: Api, target: FoundTarget, limit_seconds: int) -> None:
    query = (
        ("watch", "true"),
        ("fieldSelector", f"metadata.name={target.name}"),
        ("timeoutSeconds", str(limit_seconds)),
    )
    seen = "nothing"
    with api.stream(target.collection, query, silence_seconds=limit_seconds) as stream:
        for line in stream.lines():
            workload = watch_event(target.collection, line).item
            if workload is None:
                continue
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
    return bool((status.get("observedGeneration") or 0) >= (meta.get("generation") or 0) and counts == {wanted})


def ready_counts(workload: Json) -> str:
    """Return what is there, as `1 of 2 replicas ready`."""
    status = workload.get("status") or {}
    return f"{status.get('readyReplicas', 0)} of {workload['spec'].get('replicas', 1)} replicas ready"


def _reasons(pods: Iterable[Json], container: str) -> str:
    statuses = [one for pod in pods for one in (pod.get("status") or {}).get("containerStatuses") or ()]
    waiting = [inside(one, "state", "waiting") for one in statuses if one.get("name") == container]
    reasons = {one["reason"] for one in waiting if one.get("reason")}
    return f" ({printable(', '.join(sorted(map(str, reasons))))})" if reasons else ""
