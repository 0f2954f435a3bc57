"""The cluster's addresses: a /16 of loopback of its own, 127.PREFIX.0.0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

NODE_PORTS = range(30000, 32768)
_SHARE = len(NODE_PORTS) // 255  # of the node ports, for each prefix


@dataclass(frozen=True, slots=True)
class Network:
    """Which addresses are for what. `prefix` (1 to 254) tells two clusters on one machine apart."""

    prefix: int
    api_port: int = 0  # where the API listens, on 127.0.0.1

    @property
    def node(self) -> IPv4Address:
        """The node's address."""
        return IPv4Address(f"127.{self.prefix}.0.1")

    @property
    def pods(self) -> IPv4Network:
        """Pods' addresses."""
        return IPv4Network(f"127.{self.prefix}.64.0/18")

    @property
    def services(self) -> IPv4Network:
        """Services' cluster IPs; the first one is the `kubernetes` Service's."""
        return IPv4Network(f"127.{self.prefix}.128.0/17")

    @property
    def node_ports(self) -> Iterator[int]:
        """Every node port, this cluster's own share first: the clusters of a machine share the addresses of these."""
        first = self.prefix * _SHARE
        return (NODE_PORTS[(first + number) % len(NODE_PORTS)] for number in range(len(NODE_PORTS)))
