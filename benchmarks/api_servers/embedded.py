"""The embedded cluster, started as its users start it: with certificates, controllers, node and registry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api_servers.connection import address_in, wait_until_ready
from api_servers.server import ApiServer
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings


@dataclass(frozen=True, slots=True)
class EmbeddedCluster(ApiServer):
    """`registry`: its address, as image references name it."""

    registry: str = ""


@contextmanager
def embedded_cluster() -> Iterator[EmbeddedCluster]:
    """For as long as the context lasts, or until this process dies."""
    began = time.monotonic()
    with temporary_cluster(Settings()) as cluster:
        wait_until_ready(address_in(cluster.folder.kubeconfig), 30)
        took = time.monotonic() - began
        yield EmbeddedCluster(cluster.folder.kubeconfig, (cluster.pid,), took, registry=cluster.registry)
