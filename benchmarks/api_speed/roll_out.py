"""Many Deployments at once, of trivial processes: how long until all of them are there."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from api_servers.connection import Connection

from api_speed.patches import SPACE

_LIMIT_SECONDS = 180
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{SPACE}/deployments"


@dataclass(frozen=True, slots=True)
class RollOut:
    """`complete`: Deployments with all their replicas; `failed`: pods with a container that was started again."""

    complete: int
    seconds: float
    failed: int


def roll_out(connection: Connection, image: str, count: int, replicas: int = 2) -> RollOut:
    """Create so many Deployments, and wait until they are complete, or for three minutes."""
    began = time.monotonic()
    for number in range(count):
        connection.ask("POST", _DEPLOYMENTS, json.dumps(_deployment(f"web-{number}", image, replicas)).encode())
    complete = 0
    while complete < count and time.monotonic() - began < _LIMIT_SECONDS:
        time.sleep(0.2)
        found = json.loads(connection.ask("GET", _DEPLOYMENTS))["items"]
        complete = sum(one.get("status", {}).get("availableReplicas") == replicas for one in found)
    took = time.monotonic() - began
    pods = json.loads(connection.ask("GET", f"/api/v1/namespaces/{SPACE}/pods"))["items"]
    statuses = [one["status"].get("containerStatuses", ()) for one in pods]
    return RollOut(complete, took, sum(any(one["restartCount"] for one in of_pod) for of_pod in statuses))


def _deployment(name: str, image: str, replicas: int) -> dict[str, object]:
    labels = {"app": name}
    container = {"name": "main", "image": image, "command": ["sleep", "86400"]}
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name}, "spec": spec}
