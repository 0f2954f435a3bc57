"""Many small services on an embedded cluster, and one drill of them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import RunningCluster, temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.deploying import deploy_target
from flowdrill.model.drill import Target
from flowdrill.oci.client import open_registry
from flowdrill.oci.repository import Repository
from tests.contract.drilling import push_serving_image
from tests.real.kill.stage import ANSWERS, SCENARIO

Json = dict[str, Any]
SELECTOR = "app=langflow"
URL = "http://{cluster_ip}:{port}"
REPOSITORY = "fleet/app"
GOOD = "v1"
NODES = "kube-node-lease"


@dataclass(frozen=True)
class FleetStage:
    """The services, by namespace and name, and a folder with the drill."""

    cluster: RunningCluster
    folder: Path
    targets: tuple[tuple[str, str], ...]
    image: str

    @property
    def drill_file(self) -> Path:
        return self.folder / "drill.yaml"

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def environ(self) -> dict[str, str]:
        """By which the command line finds this cluster, and no other."""
        kept = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
        return {**kept, "FLOWDRILL_CLUSTER": str(self.cluster.folder.path)}

    def command(self, *more: str) -> list[str]:
        """Drill them all; `more` options go before everything that is given here."""
        where = ["--selector", SELECTOR, "--all-namespaces", "--url", URL, "--out", str(self.reports)]
        return [sys.executable, "-m", "flowdrill", "run", str(self.drill_file), *where, *more]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*more), env=self.environ, capture_output=True, text=True, check=False, timeout=500, cwd="/"
        )

    def problems(self) -> list[str]:
        """What is not as it was before any drill, in words."""
        found = []
        with self.api() as api:
            for kind in ("deployments", "replicasets"):
                for one in api.get(f"/apis/apps/v1/{kind}")["items"]:
                    image = one["spec"]["template"]["spec"]["containers"][0]["image"]
                    if image != self.image:
                        found.append(f"{kind} {one['metadata']['namespace']}/{one['metadata']['name']} has {image}")
            for one in api.get("/apis/apps/v1/deployments")["items"]:
                ready, where = one["status"].get("readyReplicas"), f"{one['metadata']['namespace']}"
                if ready != one["spec"]["replicas"]:
                    found.append(f"{where}/{one['metadata']['name']}: {ready} ready")
            leases = [one["metadata"] for one in api.get("/apis/coordination.k8s.io/v1/leases")["items"]]
            found += [f"lease {one['namespace']}/{one['name']}" for one in leases if one["namespace"] != NODES]
        with closing(open_registry(self.cluster.registry, plain_http=True)) as client:
            found += [f"tag {one}" for one in Repository(client, REPOSITORY).tags() if one.startswith("drill-")]
        return found

    @contextmanager
    def api(self) -> Iterator[Api]:
        connection = connect(CONTEXT, str(self.cluster.folder.kubeconfig))
        with closing(Api(connection.client, connection.server)) as api:
            yield api

    def apply(self, items: list[Json], awaited: list[Target]) -> None:
        deploy_target(CONTEXT, str(self.cluster.folder.kubeconfig), items, awaited)

    def result(self) -> Json:
        """The newest fleet's summary."""
        newest = max(self.reports.glob("*/fleet.json"), key=lambda path: path.parent.name)
        told: Json = json.loads(newest.read_text())
        return told


@contextmanager
def fleet_stage(folder: Path, namespaces: list[int], **drill: Any) -> Iterator[FleetStage]:
    """So many services in each namespace, all up. `drill`: what differs from a short drill."""
    with temporary_cluster(Settings()) as cluster:
        image = serving_image(cluster)
        names = [(f"team-{space}", f"flow-{one}") for space, count in enumerate(namespaces) for one in range(count)]
        stage = FleetStage(cluster, folder, tuple(names), image)
        stage.apply([one for space, name in names for one in service(space, name, image)], targets_of(names))
        (folder / "wrong-version").mkdir(parents=True)
        (folder / "wrong-version" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
        stage.drill_file.write_text(yaml.safe_dump(short_drill() | drill))
        yield stage


def targets_of(names: list[tuple[str, str]]) -> list[Target]:
    return [Target(namespace=space, workload=f"deployment/{name}") for space, name in names]


def service(space: str, name: str, image: str) -> list[Json]:
    """A namespace, a Deployment of one replica, and its Service."""
    labels, meta = {"flow": name}, {"name": name, "namespace": space}
    container = {
        "name": "main", "image": image, "command": ["python3", "-u", "-c", ANSWERS],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
    }  # fmt: skip
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1, "enableServiceLinks": False}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}},
        {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {**meta, "labels": {"app": "langflow"}},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        },
    ]  # fmt: skip


def short_drill() -> Json:
    return {
        "drill": "wrong",
        "target": {"namespace": "team-0", "workload": "deployment/flow-0"},
        "scenario": "./wrong-version",
        "registry": {"plain_http": True},
        "load": {
            "url": "http://127.0.0.1:1", "route": "lfx-run", "flow": "f", "expect": GOOD, "requests_per_second": 10,
        },
        "baseline": {"window": "3s", "max_bad_ratio": "20%"},
        "detect": {"limit": "40s"},
        "rollback": {"limit": "60s"},
        "hold": "2s",
        "objectives": {"outage": "60s"},
    }  # fmt: skip


def serving_image(cluster: RunningCluster) -> str:
    """Push an image that has python3 and a VERSION; return it by digest."""
    base = push_base_image(cluster.registry, "tests")
    return f"{cluster.registry}/{REPOSITORY}@{push_serving_image(base, cluster.registry, REPOSITORY)}"
