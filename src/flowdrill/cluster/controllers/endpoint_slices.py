"""EndpointSlices: the addresses behind every Service with a selector, terminating ones too, in pieces of 100."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ENDPOINT_SLICES, PODS, SERVICES, Json
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

SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
_HEADLESS = {"service.kubernetes.io/headless": ""}
_MOST_ENDPOINTS = 100


@dataclass(frozen=True, slots=True)
class SliceContent:
    """What one slice says: its endpoints, which all have the same ports."""

    ports: list[Json]
    endpoints: list[Json]


class EndpointSliceController:
    """Keeps the slices of every Service with a selector; the garbage collector takes them when the Service goes."""

    name = "endpoint-slices"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = {SERVICES: own_key, PODS: self._services_of, ENDPOINT_SLICES: _service_if_made_here}

    def sync(self, key: Key) -> None:
        """Bring the slices of one Service up to date."""
        namespace, name = key
        service = self._objects.find(SERVICES, namespace, name)
        if service is None or not has_backends(service):
            return
        wanted = slice_contents(service, self._objects.select(PODS, namespace))
        labels = _labels(service)
        spare = [
            one for one in self._objects.select(ENDPOINT_SLICES, namespace)
            if _service_if_made_here(one) == ((namespace, name),)
        ]  # fmt: skip
        for content in wanted:
            current = next((one for one in spare if one.get("ports") == content.ports), None) or next(iter(spare), None)
            if current is not None:
                spare.remove(current)
                self._write(current, labels, content)
            elif not terminates(self._objects, namespace):
                self._create(service, labels, content)
        for one in spare:
            meta = one["metadata"]
            self._objects.delete(ENDPOINT_SLICES, namespace, meta["name"], DeleteOptions(uid=meta["uid"]))

    def _write(self, current: Json, labels: Json, content: SliceContent) -> None:
        meta = current["metadata"]
        kept = (meta["labels"], current.get("ports"), current.get("endpoints"))
        if kept == (labels, content.ports, content.endpoints):
            return

        def edit(one: Json) -> None:
            one["metadata"]["labels"], one["ports"], one["endpoints"] = labels, content.ports, content.endpoints

        self._objects.change(ENDPOINT_SLICES, meta["namespace"], meta["name"], edit)

    def _create(self, service: Json, labels: Json, content: SliceContent) -> None:
        meta = service["metadata"]
        owner = {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}
        own: Json = {"generateName": f"{meta['name']}-", "namespace": meta["namespace"], "labels": labels}
        own["ownerReferences"] = [owner | {"controller": True, "blockOwnerDeletion": True}]
        made: Json = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": own}
        made |= {"addressType": "IPv4", "ports": content.ports, "endpoints": content.endpoints}
        self._objects.create(ENDPOINT_SLICES, made)

    def _services_of(self, pod: Json) -> list[Key]:
        return services_selecting(pod, self._objects.select(SERVICES, pod["metadata"]["namespace"]))


def slice_contents(service: Json, pods: Iterable[Json]) -> list[SliceContent]:
    """Return what the Service's slices should say; one that is empty when there are no pods."""
    groups: dict[tuple[BackendPort, ...], list[Json]] = {}
    for one in backends(service, pods):
        groups.setdefault(one.ports, []).append(_endpoint(service, one))
    contents = [
        SliceContent([_port(port) for port in ports], groups[ports][start : start + _MOST_ENDPOINTS])
        for ports in sorted(groups, key=str)
        for start in range(0, len(groups[ports]), _MOST_ENDPOINTS)
    ]
    return contents or [SliceContent([], [])]


def _endpoint(service: Json, one: Backend) -> Json:
    conditions = {"ready": one.ready, "serving": one.serving, "terminating": one.terminating}
    hostname = one.hostname(service)
    return (
        {"addresses": [one.address], "conditions": conditions}
        | ({"hostname": hostname} if hostname else {})
        | ({"nodeName": one.node_name} if one.node_name else {})
        | {"targetRef": one.target}
    )


def _port(port: BackendPort) -> Json:
    said: dict[str, Any] = {"name": port.name, "port": port.number, "protocol": port.protocol}
    return said | ({"appProtocol": port.app_protocol} if port.app_protocol else {})


def _labels(service: Json) -> Json:
    meta = service["metadata"]
    headless = _HEADLESS if is_headless(service) else {}
    return {**(meta.get("labels") or {}), **headless, **_MANAGED_BY, SERVICE_NAME: meta["name"]}


def _service_if_made_here(one: Json) -> tuple[Key, ...]:
    labels = one["metadata"].get("labels") or {}
    made_here = _MANAGED_BY.items() <= labels.items() and SERVICE_NAME in labels
    return ((one["metadata"]["namespace"], labels[SERVICE_NAME]),) if made_here else ()
