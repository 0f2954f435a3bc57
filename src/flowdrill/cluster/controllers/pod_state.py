"""What state a pod is in, for those who count pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowdrill.cluster.api.resource_types import Json


def is_terminating(pod: Json) -> bool:
    """Return whether the pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def is_finished(pod: Json) -> bool:
    """Return whether the pod's containers have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")


def is_pending(pod: Json) -> bool:
    """Return whether the pod's containers are still to come."""
    return (pod.get("status") or {}).get("phase") == "Pending"


def is_ready(pod: Json) -> bool:
    """Return whether the pod's condition Ready is true."""
    return _ready_condition(pod) is not None


def ready_since(pod: Json) -> datetime | None:
    """Return when the pod became ready; None when it is not, or does not say since when."""
    return instant((_ready_condition(pod) or {}).get("lastTransitionTime"))


def instant(text: Any) -> datetime | None:
    """Return the time that an RFC 3339 text says, None for anything else."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def seconds_until_available(pod: Json, min_ready_seconds: int, now: datetime) -> float | None:
    """Return how long until a ready pod counts as available (0: it does), None for one that is not ready."""
    if not is_ready(pod):
        return None
    since = ready_since(pod)
    if not min_ready_seconds or since is None:
        return 0.0
    return max(0.0, min_ready_seconds - (now - since).total_seconds())


def _ready_condition(pod: Json) -> Json | None:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == "Ready" and one.get("status") == "True"), None)
