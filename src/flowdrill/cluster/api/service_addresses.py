"""Cluster IPs and node ports of Services."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address

from flowdrill.cluster.api.resource_types import SERVICES, Json
from flowdrill.cluster.api.status_error import invalid
from flowdrill.cluster.network import NODE_PORTS, Network

_ADDRESSES = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def keep_addresses(new: Json, current: Json) -> None:
    """What an update leaves out of a Service's addresses stays as it was."""
    spec, known = new.get("spec"), current["spec"]
    if not isinstance(spec, dict) or spec.get("type") == "ExternalName":
        return
    for name in _ADDRESSES:
        if name in known:
            spec.setdefault(name, known[name])
    ports = {(one.get("name"), one["port"]): one.get("nodePort") for one in known.get("ports") or ()}
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        for one in spec.get("ports") or ():
            node_port = ports.get((one.get("name"), one.get("port")))
            if node_port is not None:
                one.setdefault("nodePort", node_port)


def allocate_addresses(service: Json, others: Iterable[Json], network: Network) -> None:
    """Give a Service its cluster IP and node ports, or check those it asks for; StatusError 422 when one is taken."""
    spec, name = service["spec"], service["metadata"]["name"]
    if spec.get("type") == "ExternalName":
        return
    own = (service["metadata"].get("namespace"), name)
    rest = [one["spec"] for one in others if (one["metadata"]["namespace"], one["metadata"]["name"]) != own]
    _cluster_ip(spec, name, {one.get("clusterIP") for one in rest}, network)
    taken = {port.get("nodePort") for one in rest for port in one.get("ports") or ()} - {None}
    if spec.get("type") in ("NodePort", "LoadBalancer"):
        _node_ports(spec, name, taken, network)
    else:
        for one in spec.get("ports") or ():
            one.pop("nodePort", None)


def _cluster_ip(spec: Json, name: str, taken: set[str | None], network: Network) -> None:
    wanted = spec.get("clusterIP")
    if not wanted:
        free = (str(one) for one in network.services.hosts() if str(one) not in taken)
        next(free) if str(network.services[1]) not in taken and name != "kubernetes" else None
        wanted = next(free)
    elif wanted != "None" and not _is_of(wanted, network):
        message = f'Invalid value: "{wanted}": failed to allocate IP {wanted}: it is not in {network.services}'
        raise invalid(SERVICES, name, [("spec.clusterIPs", "FieldValueInvalid", message)])
    elif wanted != "None" and wanted in taken:
        message = f'Invalid value: "{wanted}": failed to allocate IP {wanted}: provided IP is already allocated'
        raise invalid(SERVICES, name, [("spec.clusterIPs", "FieldValueInvalid", message)])
    spec["clusterIP"], spec["clusterIPs"] = wanted, [wanted]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _is_of(text: str, network: Network) -> bool:
    try:
        return IPv4Address(text) in network.services
    except ValueError:
        return False


def _node_ports(spec: Json, name: str, taken: set[int], network: Network) -> None:
    for number, one in enumerate(spec.get("ports") or ()):
        wanted, field = one.get("nodePort"), f"spec.ports[{number}].nodePort"
        if not wanted:
            one["nodePort"] = wanted = next(port for port in network.node_ports if port not in taken and _is_free(port))
        elif wanted not in NODE_PORTS:
            message = f"Invalid value: {wanted}: provided port is not in the valid range. The range of valid ports is "
            raise invalid(SERVICES, name, [(field, "FieldValueInvalid", f"{message}30000-32767")])
        elif wanted in taken:
            message = f"Invalid value: {wanted}: provided port is already allocated"
            raise invalid(SERVICES, name, [(field, "FieldValueInvalid", message)])
        taken.add(wanted)


def _is_free(port: int) -> bool:
    """Whether nobody else on this machine has the port: their answers would be taken for the Service's."""
    with socket.socket() as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
