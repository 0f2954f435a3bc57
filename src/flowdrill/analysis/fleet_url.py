"""Where the users of one of many workloads are: what its cluster says, put into the drill's URL."""

from __future__ import annotations

from flowdrill.model.fleet_target import FleetService, FleetTarget
from flowdrill.model.url_template import OF_SERVICE, places_in, put_in


def url_of(template: str, target: FleetTarget) -> str:
    """Return the URL of a workload; ValueError says why nobody knows it."""
    values = {"namespace": target.namespace, "name": target.name, "kind": str(target.kind)}
    wanted = [one for one in places_in(template) if one in OF_SERVICE]
    if wanted:
        values |= _of_service(_only_service(target), wanted)
    return put_in(template, values)


def _only_service(target: FleetTarget) -> FleetService:
    if target.unknown is not None:
        raise ValueError(f"the Services of namespace {target.namespace} cannot be listed: {target.unknown}")
    if len(target.services) == 1:
        return target.services[0]
    if not target.services:
        raise ValueError("no Service with a TCP port selects its pods")
    names = ", ".join(one.name for one in target.services)
    raise ValueError(f"{len(target.services)} Services select its pods: {names}")


def _of_service(service: FleetService, wanted: list[str]) -> dict[str, str]:
    told = {
        "service": service.name,
        "port": str(service.port),
        "cluster_ip": service.cluster_ip,
        "node_port": None if service.node_port is None else str(service.node_port),
    }
    known = {name: text for name, text in told.items() if text is not None}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ValueError(f"its Service {service.name} has no {missing[0].replace('_', ' ')}")
    return known
