"""Which pods are behind a Service, in which state, and with which ports. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.pod_state import is_ready

_OVER = ("Failed", "Succeeded")


@dataclass(frozen=True, slots=True)
class BackendPort:
    """A port of the Service, with the number that the pod listens on."""

    name: str
    number: int
    protocol: str
    app_protocol: str | None


@dataclass(frozen=True, slots=True)
class Backend:
    """One pod behind a Service. `ready`: it should get connections, which a terminating pod should not."""

    pod: Json
    ports: tuple[BackendPort, ...]
    ready: bool
    serving: bool
    terminating: bool

    @property
    def address(self) -> str:
        """The pod's address."""
        return str(self.pod["status"]["podIP"])

    @property
    def node_name(self) -> str | None:
        """Where the pod runs."""
        name: str | None = self.pod["spec"].get("nodeName")
        return name

    @property
    def target(self) -> Json:
        """The pod, as a targetRef."""
        meta = self.pod["metadata"]
        return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}

    def hostname(self, service: Json) -> str | None:
        """Return the name the pod has under this Service's own, None when it has none."""
        spec = self.pod["spec"]
        name: str | None = spec.get("hostname")
        return name if spec.get("subdomain") == service["metadata"]["name"] else None


def has_backends(service: Json) -> bool:
    """Return whether pods are looked for at all: without a selector somebody else says where connections go."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def is_headless(service: Json) -> bool:
    """Return whether the Service has, on purpose, no address of its own."""
    return bool(service["spec"].get("clusterIP") == "None")


def backends(service: Json, pods: Iterable[Json]) -> list[Backend]:
    """Return the pods (of the Service's namespace) behind it, terminating ones too, by address."""
    found = [_backend(service, pod) for pod in pods if _selects(service, pod) and _can_be_reached(pod)]
    return sorted(found, key=lambda one: one.address)


def services_selecting(pod: Json, services: Iterable[Json]) -> list[Key]:
    """Return the keys of the Services (of the pod's namespace) that the pod is behind."""
    return [
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in services
        if has_backends(one) and _selects(one, pod)
    ]


def _selects(service: Json, pod: Json) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(name) == value for name, value in service["spec"]["selector"].items())


def _can_be_reached(pod: Json) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") not in _OVER


def _backend(service: Json, pod: Json) -> Backend:
    serving = is_ready(pod)
    terminating = pod["metadata"].get("deletionTimestamp") is not None
    anyway = bool(service["spec"].get("publishNotReadyAddresses"))
    return Backend(pod, _ports(service, pod), anyway or (serving and not terminating), serving, terminating)


def _ports(service: Json, pod: Json) -> tuple[BackendPort, ...]:
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        number = _number(port.get("targetPort") or port["port"], protocol, pod)
        if number is not None:
            found.append(BackendPort(port.get("name", ""), number, protocol, port.get("appProtocol")))
    return tuple(found)


def _number(target: int | str, protocol: str, pod: Json) -> int | None:
    """Return the port's number; None when it is a name that no container of this pod gives to a port."""
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == target and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return None
