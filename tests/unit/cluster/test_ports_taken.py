"""A node port that somebody else has: the drill's load would reach them, and not the target."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.kubernetes.deploying import deploy_target
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target


def objects(image: str, node_port: int) -> list[dict[str, Any]]:
    labels = {"app": "web"}
    container = {"name": "main", "image": image, "command": ["python3", "-c", "import time; time.sleep(1000)"]}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    ports = [{"port": 80, "targetPort": 7860, "nodePort": node_port}]
    meta = {"name": "web", "namespace": "default"}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"type": "NodePort", "selector": labels, "ports": ports},
        },
    ]


def test_a_target_whose_node_port_is_taken_is_refused_until_it_is_free() -> None:
    target = Target(namespace="default", workload="deployment/web")
    with temporary_cluster(Settings()) as cluster, node_port() as taken:
        with node_port() as other:
            free = other
        image, kubeconfig = push_base_image(cluster.registry, "tests"), str(cluster.folder.kubeconfig)
        with pytest.raises(ClusterError, match=rf"service/web .* cannot listen on 127\.0\.0\.1:{taken}: "):
            deploy_target("flowdrill", kubeconfig, objects(image, taken), [target])
        deploy_target("flowdrill", kubeconfig, objects(image, free), [target])


def test_a_node_port_whose_connections_are_diverted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(namespace="default", workload="deployment/web")
    serves = "import http.server as h; h.HTTPServer(('', 7860), h.BaseHTTPRequestHandler).serve_forever()"
    with temporary_cluster(Settings()) as cluster:
        with node_port() as port:
            pass
        items = objects(push_base_image(cluster.registry, "tests"), port)
        items[0]["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-c", serves]
        deploy_target("flowdrill", str(cluster.folder.kubeconfig), items, [target])

        def diverted(address: tuple[str, int], _: float) -> socket.socket:
            raise ConnectionRefusedError(f"as packet rules do for {address[1]}")

        monkeypatch.setattr("flowdrill.edges.kubernetes.deploying.socket.create_connection", diverted)
        with pytest.raises(ClusterError, match=rf"listens on 127\.0\.0\.1:{port}, but connections to it do not arrive"):
            deploy_target("flowdrill", str(cluster.folder.kubeconfig), items, [target])


@contextmanager
def node_port() -> Iterator[int]:
    """A port that Services may have as their node port, listened on."""
    for port in random.sample(range(30000, 32768), 100):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            one.listen()
            yield port
            return
    raise AssertionError("no port is free")
