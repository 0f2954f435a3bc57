"""A Deployment's status: its counts and its conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.rollout import surge_and_unavailable

TIMED_OUT, AVAILABLE = "ProgressDeadlineExceeded", "NewReplicaSetAvailable"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def limits_of(deployment: Json) -> tuple[int, int]:
    """Return maxSurge and maxUnavailable as numbers of pods."""
    spec = deployment["spec"]
    rolling = spec["strategy"].get("rollingUpdate")
    if spec["strategy"]["type"] != "RollingUpdate" or rolling is None:
        return 0, 0
    return surge_and_unavailable(rolling.get("maxSurge"), rolling.get("maxUnavailable"), spec["replicas"])


def condition(conditions: Iterable[Json], kind: str) -> Json | None:
    """Return a condition, None when there is none of the kind."""
    return next((one for one in conditions if one["type"] == kind), None)


def with_condition(
    conditions: list[Json], kind: str, status: str, reason: str, message: str, now: datetime
) -> list[Json]:
    """Return the conditions with one renewed; its transition time stays when its status does."""
    before, stamp = condition(conditions, kind), now.strftime(_TIME)
    since = before["lastTransitionTime"] if before is not None and before["status"] == status else stamp
    new = {
        "type": kind, "status": status, "lastUpdateTime": stamp, "lastTransitionTime": since, "reason": reason,
        "message": message,
    }  # fmt: skip
    return [*(one for one in conditions if one["type"] != kind), new]


def counts(deployment: Json, new: Json | None, sets: Sequence[Json]) -> Json:
    """Return the status without conditions; what is 0 is left out, as Kubernetes does."""
    status: Json = {"observedGeneration": deployment["metadata"]["generation"]}
    total = sum(one["spec"]["replicas"] for one in sets)
    available = sum(_count(one, "availableReplicas") for one in sets)
    found = {
        "replicas": sum(_count(one, "replicas") for one in sets),
        "updatedReplicas": _count(new, "replicas") if new else 0,
        "readyReplicas": sum(_count(one, "readyReplicas") for one in sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total - available),
    }
    collisions = (deployment.get("status") or {}).get("collisionCount")
    status |= {name: count for name, count in found.items() if count}
    return status | ({"collisionCount": collisions} if collisions else {})


def is_complete(deployment: Json, status: Json) -> bool:
    """Return whether every replica is new and available, and no old one is left."""
    wanted = deployment["spec"]["replicas"]
    names = ("updatedReplicas", "replicas", "availableReplicas")
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and all(status.get(name, 0) == wanted for name in names)


def conditions_of(deployment: Json, new: Json | None, status: Json, now: datetime) -> list[Json]:
    """Return the conditions that go with the new counts."""
    before = deployment.get("status") or {}
    found: list[Json] = list(before.get("conditions") or ())
    _, unavailable = limits_of(deployment)
    enough = status.get("availableReplicas", 0) >= deployment["spec"]["replicas"] - unavailable
    wanted = (
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    found = _changed(found, "Available", *wanted, now)
    if deployment["spec"].get("progressDeadlineSeconds") is None or new is None:
        return found
    progressing = condition(found, "Progressing")
    settled = progressing is not None and progressing["reason"] == AVAILABLE
    if settled and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return found
    what = f'ReplicaSet "{new["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return with_condition(found, "Progressing", "True", AVAILABLE, f"{what} has successfully progressed.", now)
    if _progressed(before, status):
        return with_condition(found, "Progressing", "True", "ReplicaSetUpdated", f"{what} is progressing.", now)
    if deadline_in(deployment, found, now) == 0:
        return _changed(found, "Progressing", "False", TIMED_OUT, f"{what} has timed out progressing.", now)
    return found


def deadline_in(deployment: Json, conditions: Iterable[Json], now: datetime) -> float | None:
    """Return the seconds until a rollout has timed out, None when it cannot."""
    progressing, limit = condition(conditions, "Progressing"), deployment["spec"].get("progressDeadlineSeconds")
    if progressing is None or limit is None or progressing["reason"] == AVAILABLE or deployment["spec"].get("paused"):
        return None
    if progressing["reason"] == TIMED_OUT:
        return None
    last = datetime.fromisoformat(progressing["lastUpdateTime"].replace("Z", "+00:00"))
    return max(0.0, (last + timedelta(seconds=limit) - now).total_seconds())


def _changed(conditions: list[Json], kind: str, status: str, reason: str, message: str, now: datetime) -> list[Json]:
    known = condition(conditions, kind)
    if known is not None and (known["status"], known["reason"]) == (status, reason):
        return conditions
    return with_condition(conditions, kind, status, reason, message, now)


def _progressed(before: Json, after: Json) -> bool:
    def old(status: Json) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return any(after.get(name, 0) > before.get(name, 0) for name in grown) or old(after) < old(before)


def _count(replica_set: Json, name: str) -> int:
    return int((replica_set.get("status") or {}).get(name, 0))
