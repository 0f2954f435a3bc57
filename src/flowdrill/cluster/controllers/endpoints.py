"""Endpoints: the addresses behind every Service with a selector, the ready ones and the others."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ENDPOINTS, PODS, SERVICES, Json
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.namespaces import terminates
from flowdrill.cluster.controllers.service_backends import (
    Backend,
    BackendPort,
    backends,
    has_backends,
    is_headless,
    services_selecting,
)

_MANAGED_BY = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
_HEADLESS = {"service.kubernetes.io/headless": ""}


class EndpointsController:
    """Keeps one Endpoints object, with the Service's name, for every Service with a selector."""

    name = "endpoints"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = {SERVICES: own_key, PODS: self._services_of, ENDPOINTS: _key_if_made_here}

    def sync(self, key: Key) -> None:
        """Bring the Endpoints of one Service up to date; those of a Service that is gone go too."""
        namespace, name = key
        service = self._objects.find(SERVICES, namespace, name)
        current = self._objects.find(ENDPOINTS, namespace, name)
        if service is None:
            if current is not None:
                self._objects.delete(ENDPOINTS, namespace, name, DeleteOptions(uid=current["metadata"]["uid"]))
            return
        if not has_backends(service):
            return
        labels = _labels(service)
        subsets = endpoint_subsets(service, self._objects.select(PODS, namespace))
        if current is None:
            if not terminates(self._objects, namespace):
                self._create(service, labels, subsets)
        elif (current["metadata"].get("labels"), current.get("subsets") or []) != (labels, subsets):

            def edit(endpoints: Json) -> None:
                endpoints["metadata"]["labels"], endpoints["subsets"] = labels, subsets

            self._objects.change(ENDPOINTS, namespace, name, edit)

    def _create(self, service: Json, labels: Json, subsets: list[Json]) -> None:
        meta = {"namespace": service["metadata"]["namespace"], "name": service["metadata"]["name"], "labels": labels}
        made: Json = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta}
        self._objects.create(ENDPOINTS, made | ({"subsets": subsets} if subsets else {}))

    def _services_of(self, pod: Json) -> list[Key]:
        return services_selecting(pod, self._objects.select(SERVICES, pod["metadata"]["namespace"]))


def endpoint_subsets(service: Json, pods: Iterable[Json]) -> list[Json]:
    """Return the `subsets`: addresses grouped by the ports they have in common. Terminating pods are not among them,
    unless addresses that are not ready are to be published."""
    groups: dict[tuple[BackendPort, ...], list[Backend]] = {}
    for one in backends(service, pods):
        reachable = one.ports or not service["spec"].get("ports")
        if reachable and (one.ready or not one.terminating):
            groups.setdefault(one.ports, []).append(one)
    return [_subset(service, ports, groups[ports]) for ports in sorted(groups, key=str)]


def _subset(service: Json, ports: tuple[BackendPort, ...], members: list[Backend]) -> Json:
    ready = [_address(service, one) for one in members if one.ready]
    others = [_address(service, one) for one in members if not one.ready]
    return (
        ({"addresses": ready} if ready else {})
        | ({"notReadyAddresses": others} if others else {})
        | ({"ports": [_port(one) for one in ports]} if ports else {})
    )


def _address(service: Json, one: Backend) -> Json:
    hostname = one.hostname(service)
    return (
        {"ip": one.address}
        | ({"hostname": hostname} if hostname else {})
        | ({"nodeName": one.node_name} if one.node_name else {})
        | {"targetRef": one.target}
    )


def _port(port: BackendPort) -> Json:
    return (
        ({"name": port.name} if port.name else {})
        | {"port": port.number, "protocol": port.protocol}
        | ({"appProtocol": port.app_protocol} if port.app_protocol else {})
    )


def _labels(service: Json) -> Json:
    own = service["metadata"].get("labels") or {}
    return {**own, **_MANAGED_BY, **(_HEADLESS if is_headless(service) else {})}


def _key_if_made_here(endpoints: Json) -> tuple[Key, ...]:
    """Those that somebody made by hand are nobody's business until their Service goes."""
    made_here = _MANAGED_BY.items() <= (endpoints["metadata"].get("labels") or {}).items()
    return own_key(endpoints) if made_here else ()
