"""The addresses of clusters that share one machine."""

from __future__ import annotations

import socket
from itertools import islice
from typing import Any

from flowdrill.cluster.api.service_addresses import allocate_addresses
from flowdrill.cluster.network import NODE_PORTS, Network


def given_node_port(prefix: int, others: list[dict[str, Any]]) -> int:
    spec: dict[str, Any] = {"type": "NodePort", "ports": [{"port": 80}]}
    service = {"metadata": {"namespace": "default", "name": f"web-{len(others)}"}, "spec": spec}
    allocate_addresses(service, others, Network(prefix))
    others.append(service)
    return int(spec["ports"][0]["nodePort"])


def test_clusters_on_one_machine_begin_with_node_ports_of_their_own() -> None:
    own = [set(islice(Network(prefix).node_ports, 10)) for prefix in range(1, 255)]
    assert len(set.union(*own)) == 254 * 10
    assert sorted(Network(7).node_ports) == list(NODE_PORTS)


def test_a_node_port_that_somebody_listens_on_is_given_to_no_service() -> None:
    first = given_node_port(200, [])
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        services: list[dict[str, Any]] = []
        assert first not in {given_node_port(200, services) for _ in range(3)}
    assert given_node_port(200, []) == first
