"""The NetworkPolicy of scheduled drills: they reach what a drill needs, and nobody reaches them."""

from __future__ import annotations

import ipaddress
from typing import Any

from flowdrill.model.scheduled_set import ScheduledSet, host_and_port, namespaces_of

_NAMESPACE = "kubernetes.io/metadata.name"  # every namespace bears it since Kubernetes 1.21
_ANYWHERE: tuple[dict[str, Any], ...] = ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}})
_NODE_LOCAL_DNS = "169.254.20.10/32"
_API_PORTS = (443, 6443)

Json = dict[str, Any]


def network_policy(wanted: ScheduledSet, labels: Json) -> Json:
    """Return it. A Service's address is no peer of a policy: what is behind it is named by its namespace."""
    api = tuple({"ipBlock": {"cidr": cidr}} for cidr in wanted.api_servers) or _ANYWHERE
    rules = [
        _rule(({"namespaceSelector": {}}, {"ipBlock": {"cidr": _NODE_LOCAL_DNS}}), (53,), ("UDP", "TCP")),
        _rule(api, _API_PORTS),
        _to(*wanted.registry) if wanted.registry is not None else _rule(_ANYWHERE, (443,)),
        {"to": [_namespace(name) for name in namespaces_of(wanted)]},
        *(_to(*one) for one in wanted.others),
        *(_to(*host_and_port(url)) for one in wanted.drills for url in one.urls),
    ]
    different = [rule for number, rule in enumerate(rules) if rule not in rules[:number]]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"flowdrill-{wanted.identity}", "namespace": wanted.namespace, "labels": labels},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress", "Egress"],  # without a rule for ingress nobody comes in
            "egress": different,
        },
    }


def _to(host: str, port: int) -> Json:
    """A Service by its name, an address, or anything at this port where a name may lead anywhere."""
    parts = host.split(".")
    if len(parts) >= 3 and parts[2] == "svc":
        return {"to": [_namespace(parts[1])]}
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _rule(_ANYWHERE, (port,))
    return _rule(({"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}},), (port,))


def _namespace(name: str) -> Json:
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE: name}}}


def _rule(peers: tuple[Json, ...], ports: tuple[int, ...], protocols: tuple[str, ...] = ("TCP",)) -> Json:
    allowed = [{"protocol": protocol, "port": port} for port in ports for protocol in protocols]
    return {"to": [dict(peer) for peer in peers], "ports": allowed}
