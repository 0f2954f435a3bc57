"""Kubernetes objects as the API server sends them, as small as the tests need them."""

from __future__ import annotations

from typing import Any

from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.workload import WorkloadKind

Json = dict[str, Any]
IMAGE = "registry.example/flow:1.0"
DIGEST = "sha256:" + "a" * 64
DEPLOYMENT = FoundTarget("demo", WorkloadKind.DEPLOYMENT, "app", "uid-app", "flow", (("labelSelector", "app=app"),))
STATEFULSET = FoundTarget("demo", WorkloadKind.STATEFULSET, "app", "uid-app", "flow", (("labelSelector", "app=app"),))


def owned(uid: str) -> list[Json]:
    return [{"kind": "Something", "uid": uid, "controller": True}]


def template(image: str = IMAGE) -> Json:
    return {"spec": {"containers": [{"name": "proxy", "image": "proxy:1"}, {"name": "flow", "image": image}]}}


def workload(**status: Any) -> Json:
    return {
        "metadata": {"name": "app", "namespace": "demo", "uid": "uid-app", "generation": 3, "resourceVersion": "5"},
        "spec": {"replicas": 2, "template": template(), "selector": {"matchLabels": {"app": "app"}}},
        "status": status,
    }


def replica_set(name: str = "app-1", image: str = IMAGE, revision: str = "1", replicas: int = 0) -> Json:
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "ownerReferences": owned("uid-app"),
            "annotations": {"deployment.kubernetes.io/revision": revision},
        },
        "spec": {"replicas": replicas, "template": template(image)},
        "status": {"replicas": replicas},
    }


def pod(name: str = "app-1-x", owner: str = "uid-app-1", image: str = IMAGE, ready: bool = True, **state: Any) -> Json:
    held = "True" if ready else "False"
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": owned(owner), "resourceVersion": "6"},
        "spec": template(image)["spec"],
        "status": {
            "phase": "Running",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": held}],
            "containerStatuses": [
                {"name": "proxy", "imageID": "proxy@sha256:0", "restartCount": 9, "state": {"running": {}}},
                {
                    "name": "flow",
                    "imageID": f"registry.example/flow@{DIGEST}",
                    "restartCount": 1,
                    "state": state or {"running": {}},
                },
            ],
        },
    }


def endpoint_slice(*pods: str, ready: bool | None = True) -> Json:
    return {
        "metadata": {"name": "app-abc", "uid": "uid-slice", "resourceVersion": "4"},
        "endpoints": [
            {"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name, "uid": f"uid-{name}"}}
            for name in pods
        ],
    }
