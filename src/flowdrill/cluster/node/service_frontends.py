"""Where a Service is reached, and where its connections go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.network import NODE_PORTS, Network

Address = tuple[str, int]  # of IPv4, and a port
_Said = tuple[object, object]  # what somebody wrote as an address and a port; it may be anything
_LOOPBACK = "127.0.0.1"
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
_AFFINITY_SECONDS = 10800  # Kubernetes' default


@dataclass(frozen=True, slots=True)
class Frontend:
    """One TCP port of a Service. `affinity_seconds`: how long a client keeps its backend; None when it need not."""

    port_name: str
    addresses: tuple[Address, ...]
    backends: tuple[Address, ...]
    affinity_seconds: int | None


def frontends(service: Json, slices: Iterable[Json], endpoints: Json | None, network: Network) -> list[Frontend]:
    """Return the TCP ports that are served. Backends come from the EndpointSlices; from the Endpoints when there are
    none, which somebody wrote by hand for a Service without a selector."""
    slices = [one for one in slices if one.get("addressType") == "IPv4"]
    found = []
    for port in service["spec"].get("ports") or ():
        if port.get("protocol", "TCP") != "TCP":
            continue
        name = port.get("name", "")
        backends = _from_slices(slices, name) if slices else _from_endpoints(endpoints, name)
        reachable = dict.fromkeys(one for said in backends for one in _reachable(said, network))
        found.append(Frontend(name, tuple(_addresses(service, port, network)), tuple(reachable), _affinity(service)))
    return found


def unserved_ports(service: Json) -> list[str]:
    """Return the ports, such as `53/UDP`, that no connection can be balanced for."""
    ports = service["spec"].get("ports") or () if _cluster_ip(service) else ()
    return [f"{one['port']}/{one['protocol']}" for one in ports if one.get("protocol", "TCP") != "TCP"]


def _addresses(service: Json, port: Json, network: Network) -> Iterator[Address]:
    address = _cluster_ip(service)
    if address is None or address not in network.services:
        return
    yield str(address), port["port"]
    if service["spec"].get("type") in _WITH_NODE_PORTS and port.get("nodePort"):
        yield _LOOPBACK, port["nodePort"]
        yield str(network.node), port["nodePort"]


def _cluster_ip(service: Json) -> IPv4Address | None:
    """Return a Service's own address; None for a headless or external one."""
    return _ipv4(service["spec"].get("clusterIP"))


def _affinity(service: Json) -> int | None:
    if service["spec"].get("sessionAffinity") != "ClientIP":
        return None
    config = (service["spec"].get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or _AFFINITY_SECONDS)


def _from_slices(slices: list[Json], port_name: str) -> list[_Said]:
    """Return the ready endpoints. When there are none, those that terminate but still serve get the connections: so
    does kube-proxy since 1.26, so that the last pod's grace is of use."""
    ready: list[_Said] = []
    last_resort: list[_Said] = []
    for one in slices:
        numbers = [port.get("port") for port in one.get("ports") or () if (port.get("name") or "") == port_name]
        for endpoint in one.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            addresses = [(address, number) for address in (endpoint.get("addresses") or ())[:1] for number in numbers]
            if conditions.get("ready") is not False:
                ready += addresses
            elif conditions.get("serving") and conditions.get("terminating"):
                last_resort += addresses
    return ready or last_resort


def _from_endpoints(endpoints: Json | None, port_name: str) -> list[_Said]:
    return [
        (address.get("ip"), port.get("port"))
        for subset in (endpoints or {}).get("subsets") or ()
        for port in subset.get("ports") or ()
        if (port.get("name") or "") == port_name
        for address in subset.get("addresses") or ()
    ]


def _reachable(said: _Said, network: Network) -> Iterator[Address]:
    """Yield the backend, if it is one, and not a Service: that could send connections around in a circle."""
    address, port = _ipv4(said[0]), said[1]
    if address is None or address in network.services or not isinstance(port, int) or not 0 < port < 65536:
        return
    is_node_port = port in NODE_PORTS and port != network.api_port
    if not (is_node_port and address in (IPv4Address(_LOOPBACK), network.node)):
        yield str(address), port


def _ipv4(text: object) -> IPv4Address | None:
    try:
        return IPv4Address(text) if isinstance(text, str) else None
    except AddressValueError:
        return None
