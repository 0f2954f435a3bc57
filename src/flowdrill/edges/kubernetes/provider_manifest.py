"""The Deployment of a model provider that the drill starts: as its Service wants it, and as the target may run."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.analysis.provider_mode import MODE
from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.errors import ClusterError
from flowdrill.model.run_label import RUN_LABEL, run_label

MANAGED_BY = {"app.kubernetes.io/managed-by": "flowdrill"}
_PORT, _PORT_NAME = 8000, "http"
_LEAST_PORT = 1024  # a container that is not root, or may not bind to lower ones, can listen there
# whoever may run the target's pods may run this one, and on the same nodes, which have its image but for a layer
_OF_THE_TARGETS_POD = ("imagePullSecrets", "serviceAccountName", "nodeSelector", "tolerations", "securityContext")
_OF_ITS_CONTAINER = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile")


@dataclass(frozen=True, slots=True)
class ServedPort:
    """What a Service wants of the pods behind it."""

    labels: dict[str, str]
    number: int
    name: str


def served_port(service: Json) -> ServedPort:
    """Return it; ClusterError when the Service chooses no pods, or has not one TCP port above 1023."""
    name, spec = f"service/{service['metadata']['name']}", service.get("spec") or {}
    labels, ports = spec.get("selector") or {}, spec.get("ports") or []
    if not labels:
        raise ClusterError(f"{printable(name)} has no selector", "give it one that the pods of nothing else have")
    if len(ports) != 1 or ports[0].get("protocol", "TCP") != "TCP":
        raise ClusterError(f"{printable(name)} has {len(ports)} ports", "the model provider's needs one TCP port")
    wanted = ports[0].get("targetPort", ports[0].get("port"))
    if isinstance(wanted, str):
        return ServedPort(labels, _PORT, wanted)
    if not isinstance(wanted, int) or wanted < _LEAST_PORT:
        raise ClusterError(
            f"{printable(name)}: its pods would have to listen on port {wanted}, which may need root",
            f"set its targetPort to {_PORT}; its port may stay",
        )
    return ServedPort(labels, wanted, _PORT_NAME)


def provider_container(name: str, image: str, port: ServedPort, like: Json) -> Json:
    """Return the container, with the user that the container `like` runs as."""
    same = {key: value for key, value in (like.get("securityContext") or {}).items() if key in _OF_ITS_CONTAINER}
    environment = {MODE: "ok", "PROVIDER_HOST": "0.0.0.0", "PROVIDER_PORT": str(port.number)}
    return {
        "name": name,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"name": port.name, "containerPort": port.number, "protocol": "TCP"}],
        "resources": {"requests": {"memory": "32Mi", "cpu": "50m"}, "limits": {"memory": "128Mi", "cpu": "500m"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": port.number}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **same},
    }


def provider_deployment(name: str, run_id: str, port: ServedPort, container: Json, like: Json) -> Json:
    """Return the Deployment of one replica, which tells its run; `like` is the pod of the target."""
    own = {RUN_LABEL: run_label(run_id)}
    pod = {key: like[key] for key in _OF_THE_TARGETS_POD if key in like}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": MANAGED_BY | own, "annotations": {RUN_LABEL: run_id}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": own},
            "template": {
                "metadata": {"labels": MANAGED_BY | port.labels | own},
                "spec": {
                    **pod,
                    "enableServiceLinks": False,
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 5,
                    "containers": [container],
                },
            },
        },
    }


def started_by(workload: Json) -> str | None:
    """Return the run that has started this workload, or None when it is nothing of a drill's."""
    return (workload["metadata"].get("annotations") or {}).get(RUN_LABEL)


def held_up_by(workload: Json, pods: list[Json]) -> str:
    """Return what Kubernetes says keeps the workload's pods from being ready, as ` (…)`, or nothing."""
    conditions = (workload.get("status") or {}).get("conditions") or []
    told = [one.get("message") for one in conditions if one.get("type") == "ReplicaFailure"]
    for status in ((pod.get("status") or {}) for pod in pods):
        held = [one for one in status.get("conditions") or () if one.get("type") == "PodScheduled"]
        told += [one.get("message") for one in held if one.get("status") == "False"]
        for container in status.get("containerStatuses") or ():
            waits = (container.get("state") or {}).get("waiting") or {}
            ended = (container.get("lastState") or {}).get("terminated") or {}
            told += [": ".join(filter(None, (waits.get("reason"), waits.get("message") or ended.get("message"))))]
    known = dict.fromkeys(str(one) for one in told if one)
    return f" ({printable('; '.join(known))})" if known else ""
