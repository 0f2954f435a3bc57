"""What a claim holds outlives the cluster's process, and nothing outlives the cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import RunningCluster, running_cluster, start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from tests.unit.cluster.test_lifecycle import until

PROGRAM = "import os, time; open(os.environ['WHERE'], 'a').write('up '); time.sleep(3600)"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    found = StateFolder(tmp_path / "cluster")
    yield found
    stop_cluster(found)


def deploy(cluster: RunningCluster) -> None:
    """A set of one pod that writes a word into its volume whenever it starts."""
    container = {
        "name": "main", "image": push_base_image(cluster.registry, "tests"), "command": ["python3", "-c", PROGRAM],
        "env": [{"name": "WHERE", "value": "/data/words"}], "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }  # fmt: skip
    labels = {"app": "web"}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    spec: dict[str, Any] = {
        "serviceName": "web", "selector": {"matchLabels": labels},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        },
    }  # fmt: skip
    with config.new_client_from_config(str(cluster.folder.kubeconfig)) as api:
        client.AppsV1Api(api).create_namespaced_stateful_set("default", {"metadata": {"name": "web"}, "spec": spec})


def words(folder: StateFolder) -> list[str]:
    return [word for one in folder.claims.glob("*/words") for word in one.read_text().split()]


def test_a_claims_data_is_there_after_every_start_and_goes_with_the_claim(folder: StateFolder) -> None:
    cluster = start_cluster(folder, Settings())
    deploy(cluster)
    until(lambda: words(folder) == ["up"], "the first start")
    os.kill(cluster.pid, signal.SIGKILL)
    until(lambda: running_cluster(folder) is None, "killed")
    start_cluster(folder, Settings())
    until(lambda: words(folder) == ["up"] * 2, "after SIGKILL")
    assert stop_cluster(folder, keep=True)
    assert words(folder) == ["up"] * 2
    start_cluster(folder, Settings())
    until(lambda: words(folder) == ["up"] * 3, "after down --keep")
    with config.new_client_from_config(str(folder.kubeconfig)) as api:
        client.AppsV1Api(api).delete_namespaced_stateful_set("web", "default")
        core = client.CoreV1Api(api)
        until(lambda: not core.list_namespaced_pod("default").items, "its pod is gone")
        assert words(folder) == ["up"] * 3, "the claim is kept"
        core.delete_namespaced_persistent_volume_claim("data-web-0", "default")
        until(lambda: not list(folder.claims.iterdir()), "its volume is gone")
    assert stop_cluster(folder)
    assert not folder.path.exists()
