"""How fast the embedded cluster is: its start, its memory, a patch among many objects, and many rollouts at once.

Where the environment names a real Kubernetes (KUBECONFIG, FLOWDRILL_TEST_CONTEXT), the same patches are measured there
in the same run. Goals: up in under 1 s with under 80 MB; a patch accepted in under 10 ms at the median with 1,000
objects; 200 Deployments with 2 replicas each roll out without errors.

    python benchmarks/cluster_speed.py [--objects 1000] [--deployments 200] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from kubernetes import client, config

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder

_PATCHES = 200
_LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement. The real cluster's values are None when there is none."""

    up_seconds: float
    rss_megabytes_when_up: float
    objects: int
    patch_p50_ms: float
    patch_p99_ms: float
    real_patch_p50_ms: float | None
    real_patch_p99_ms: float | None
    deployments: int
    rolled_out: int
    roll_out_seconds: float
    failed_pods: int
    rss_megabytes_at_the_end: float


@contextmanager
def namespace(api: client.ApiClient) -> Iterator[str]:
    name, core = f"flowdrill-speed-{secrets.token_hex(3)}", client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": name}})
    try:
        yield name
    finally:
        core.delete_namespace(name)


def patch_ms(api: client.ApiClient, space: str, objects: int) -> list[float]:
    """How long patches of one object take, among many."""
    core, took = client.CoreV1Api(api), []
    for number in range(objects):
        core.create_namespaced_config_map(space, {"metadata": {"name": f"map-{number}"}, "data": {"a": "0"}})
    for number in range(_PATCHES):
        began = time.monotonic()
        core.patch_namespaced_config_map("map-0", space, {"data": {"a": str(number + 1)}})
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


def roll_out(api: client.ApiClient, space: str, image: str, count: int) -> tuple[int, float, int]:
    """Deploy many trivial processes; how many Deployments were complete, after how long, and how many pods failed."""
    apps, began = client.AppsV1Api(api), time.monotonic()
    for number in range(count):
        labels = {"app": f"web-{number}"}
        container = {"name": "main", "image": image, "command": ["sleep", "86400"]}
        pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
        apps.create_namespaced_deployment(space, {"metadata": {"name": f"web-{number}"}, "spec": spec})
    complete = 0
    while complete < count and time.monotonic() - began < _LIMIT_SECONDS:
        found = apps.list_namespaced_deployment(space).items
        complete = sum(one.status.available_replicas == 2 for one in found)
        time.sleep(0.2)
    took = time.monotonic() - began
    pods = client.CoreV1Api(api).list_namespaced_pod(space).items
    failed = sum(any(s.restart_count for s in one.status.container_statuses or ()) for one in pods)
    return complete, took, failed


def rss_megabytes(pid: int) -> float:
    """The resident memory of the cluster's process and its keeper; not of its pods."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pids = [pid, *map(int, children)]
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def real_patch_ms(objects: int) -> list[float] | None:
    context = os.environ.get("FLOWDRILL_TEST_CONTEXT")
    if not context:
        return None
    with config.new_client_from_config(context=context) as api, namespace(api) as space:
        return patch_ms(api, space, objects)


def middle_and_worst(took_ms: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    return round(statistics.median(took_ms), 2), round(statistics.quantiles(took_ms, n=100)[98], 2)


def measured(objects: int, deployments: int) -> Speed:
    with tempfile.TemporaryDirectory() as path:
        folder = StateFolder(Path(path) / "cluster")
        began = time.monotonic()
        cluster = start_cluster(folder, Settings())
        up = time.monotonic() - began
        memory = rss_megabytes(cluster.pid)
        try:
            with config.new_client_from_config(str(folder.kubeconfig)) as api:
                with namespace(api) as space:
                    ours = patch_ms(api, space, objects)
                real = real_patch_ms(objects)
                image = push_base_image(cluster.registry, "benchmark")
                with namespace(api) as space:
                    complete, took, failed = roll_out(api, space, image, deployments)
                    memory_then = rss_megabytes(cluster.pid)
        finally:
            stop_cluster(folder)
    return Speed(
        round(up, 2), round(memory, 1), objects, *middle_and_worst(ours),
        *((None, None) if real is None else middle_and_worst(real)),
        deployments, complete, round(took, 1), failed, round(memory_then, 1),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--deployments", type=int, default=200)
    parser.add_argument("--smoke", action="store_true", help="only show that it runs")
    options = parser.parse_args()
    objects, deployments = (20, 3) if options.smoke else (options.objects, options.deployments)
    speed = measured(objects, deployments)
    for name, value in asdict(speed).items():
        print(f"{name:28} {value}")
    print(json.dumps(asdict(speed)))


if __name__ == "__main__":
    main()
