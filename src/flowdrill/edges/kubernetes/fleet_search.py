"""Finds the workloads that a label selector picks, with the Services before them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.looking import listed, object_name, paged
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.target import namespace_exists, workloads_path
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.fleet_target import FleetService, FleetTarget
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.workload import WorkloadKind

_HTTP = "http"


def find_fleet(
    context: str, selector: str, namespace: str | None, *, kubeconfig: str | None = None
) -> tuple[FleetTarget, ...]:
    """Return every Deployment and StatefulSet of `namespace` (None: of the whole cluster) that `selector` picks, by
    namespace, kind and name. PlanError when the selector is none; ClusterError when there is no such namespace, or the
    cluster cannot be asked; ForbiddenError when the workloads may not be listed. Services that may not be listed are
    told by the target."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    try:
        return list_fleet(api, selector, namespace)
    finally:
        api.close()


def list_fleet(api: Api, selector: str, namespace: str | None) -> tuple[FleetTarget, ...]:
    """Return the same, asked of `api`."""
    if namespace is not None and (object_name(namespace) is None or not namespace_exists(api, namespace)):
        raise ClusterError(
            f"the cluster has no namespace {printable(namespace)!r}", "`kubectl get namespaces` lists them"
        )
    found = []
    for kind in WorkloadKind:
        path = f"/apis/apps/v1/{kind}s" if namespace is None else workloads_path(namespace, kind)
        found += [(kind, one) for one in _picked(api, path, selector)]
    looks = _Services(api)
    targets = [one for kind, workload in found if (one := looks.target(kind, workload)) is not None]
    return tuple(sorted(targets, key=lambda one: (one.namespace, one.kind, one.name)))


def _picked(api: Api, path: str, selector: str) -> list[Json]:
    try:
        return list(paged(api, path, (("labelSelector", selector),)))
    except AnswerError as error:
        if error.status != 400:
            raise
        raise PlanError(
            f"--selector {printable(selector)!r}: the cluster does not take it: {error.problem}",
            "write it as for `kubectl get -l`: app=langflow,tier in (web, api)",
        ) from error


class _Services:
    """The Services of each namespace, asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, tuple[tuple[Json, ...], str | None]] = {}

    def target(self, kind: WorkloadKind, workload: Json) -> FleetTarget | None:
        """Return a workload with its Services; None for one that no request could name."""
        space, name = (object_name(inside(workload, "metadata").get(key)) for key in ("namespace", "name"))
        if space is None or name is None:
            return None
        services, unknown = self._of(space)
        labels = inside(workload, "spec", "template", "metadata", "labels")
        return FleetTarget(space, kind, name, services_before(labels, services), unknown)

    def _of(self, namespace: str) -> tuple[tuple[Json, ...], str | None]:
        if namespace not in self._known:
            looked = listed(self._api, f"/api/v1/namespaces/{namespace}/services")
            self._known[namespace] = (looked.items, looked.problem or None)
        return self._known[namespace]


def services_before(labels: Mapping[str, object], services: tuple[Json, ...]) -> tuple[FleetService, ...]:
    """Return the Services that select pods with these labels and have a TCP port, by name. Headless ones count only
    where there is no other: a StatefulSet has one beside the Service that users reach. Pure."""
    found = [one for service in services if _selects(service, labels) and (one := _service(service)) is not None]
    balanced = [one for one in found if one.cluster_ip is not None]
    return tuple(sorted(balanced or found, key=lambda one: one.name))


def _selects(service: Json, labels: Mapping[str, object]) -> bool:
    selector = inside(service, "spec", "selector")
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _service(service: Json) -> FleetService | None:
    name, spec = object_name(inside(service, "metadata").get("name")), inside(service, "spec")
    ports = [one for one in as_mappings(spec.get("ports")) if one.get("protocol", "TCP") == "TCP"]
    port = next((one for one in ports if one.get("name") == _HTTP), ports[0] if ports else None)
    number = None if port is None else _port(port.get("port"))
    if name is None or port is None or number is None:
        return None
    return FleetService(name, number, _address(spec.get("clusterIP")), _port(as_mapping(port).get("nodePort")))


def _port(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 65536 else None


def _address(value: object) -> str | None:
    """As a URL has it; None for what is no address, such as the `None` of a headless Service."""
    try:
        address = ip_address(as_text(value) or "")
    except ValueError:
        return None
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)
