"""A workload of a fleet, as the cluster lists it."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.workload import WorkloadKind


@dataclass(frozen=True, slots=True)
class FleetService:
    """A Service before a workload's pods, and its first TCP port (the one called http, where there is one)."""

    name: str
    port: int
    cluster_ip: str | None = None  # as a URL has it: IPv6 in brackets; None: it is headless
    node_port: int | None = None


@dataclass(frozen=True, slots=True)
class FleetTarget:
    """A workload that matches, with what its URL may be made from."""

    namespace: str
    kind: WorkloadKind
    name: str
    services: tuple[FleetService, ...] = ()  # those that send its pods requests, by name
    unknown: str | None = None  # why nobody knows of its Services

    @property
    def workload(self) -> str:
        """`deployment/NAME`."""
        return f"{self.kind}/{self.name}"

    @property
    def where(self) -> str:
        """`NAMESPACE/deployment/NAME`."""
        return f"{self.namespace}/{self.workload}"
