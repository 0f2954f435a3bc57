"""What state a pod is in, for those who count pods."""

from __future__ import annotations

from datetime import datetime

from flowdrill.cluster.api.resource_types import Json


def is_terminating(pod: Json) -> bool:
    """Return whether the pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_finished(pod: Json) -> bool:
    """Return whether the pod's containers have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def is_ready(pod: Json) -> bool:
    """Return whether the pod's condition Ready is true."""
    return _ready_since(pod) is not None


def seconds_until_available(pod: Json, min_ready_seconds: int, now: datetime) -> float | None:
    """Return how long until a ready pod counts as available (0: it does), None for one that is not ready."""
    since = _ready_since(pod)
    if since is None:
        return None
    if not min_ready_seconds or not since:
        return 0.0
    ready_for = (now - datetime.fromisoformat(since.replace("Z", "+00:00"))).total_seconds()
    return max(0.0, min_ready_seconds - ready_for)


def _ready_since(pod: Json) -> str | None:
    for one in (pod.get("status") or {}).get("conditions") or ():
        if one.get("type") == "Ready" and one.get("status") == "True":
            return str(one.get("lastTransitionTime") or "")
    return None
