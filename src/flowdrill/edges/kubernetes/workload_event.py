"""A word about a workload that whoever looks at it finds: a Kubernetes Event, as `kubectl describe` shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.target import FoundTarget

_KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet"}
_LONGEST = 1000  # characters of a message: the API server takes 1024


def tell_event(api: Api, target: FoundTarget, reason: str, message: str, *, warns: bool) -> None:
    """Write it. ClusterError or ForbiddenError when it cannot be."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    api.create(
        target.core("events"),
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{target.name}-flowdrill-", "namespace": target.namespace},
            "involvedObject": {
                "apiVersion": "apps/v1",
                "kind": _KINDS[target.kind],
                "namespace": target.namespace,
                "name": target.name,
                "uid": target.uid,
            },
            "reason": reason,
            "message": message[:_LONGEST],
            "type": "Warning" if warns else "Normal",
            "source": {"component": "flowdrill"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        },
    )
