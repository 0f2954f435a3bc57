"""A node port that somebody else has: the drill's load would reach them, and not the target."""

from __future__ import annotations

import socket
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
    with temporary_cluster(Settings()) as cluster, socket.socket() as other:
        image = push_base_image(cluster.registry, "tests")
        other.bind(("127.0.0.1", 30999))
        other.listen()
        kubeconfig = str(cluster.folder.kubeconfig)
        with pytest.raises(ClusterError, match=r"service/web .* cannot listen on 127\.0\.0\.1:30999"):
            deploy_target("flowdrill", kubeconfig, objects(image, 30999), target)
        deploy_target("flowdrill", kubeconfig, objects(image, 30998), target)
