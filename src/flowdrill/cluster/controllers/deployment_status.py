"""A Deployment's status: its counts and its conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.pod_state import instant
from flowdrill.cluster.controllers.rollout import surge_and_unavailable

TIMED_OUT, AVAILABLE = "ProgressDeadlineExceeded", "NewReplicaSetAvailable"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
_NO_DEADLINE = 2**31 - 1  # the largest there is means none at all
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
    return next((one for one in conditions if one.get("type") == kind), None)


def with_condition(
    conditions: list[Json], kind: str, status: str, reason: str, message: str, now: datetime
) -> list[Json]:
    """Return the conditions with one renewed; its transition time stays when its status does."""
    before, stamp = condition(conditions, kind), now.strftime(_TIME)
    since = before.get("lastTransitionTime", stamp) if before is not None and before.get("status") == status else stamp
    new = {
        "type": kind, "status": status, "lastUpdateTime": stamp, "lastTransitionTime": since, "reason": reason,
        "message": message,
    }  # fmt: skip
    return [*(one for one in conditions if one.get("type") != kind), new]


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
    return _with_progress(deployment, new, status, found, now)


def _with_progress(deployment: Json, new: Json | None, status: Json, found: list[Json], now: datetime) -> list[Json]:
    """Return the conditions with what is known of the rollout. A paused one has no deadline."""
    if deadline_of(deployment) is None:
        return [one for one in found if one.get("type") != "Progressing"]
    reason = (condition(found, "Progressing") or {}).get("reason")
    if deployment["spec"].get("paused"):
        paused = ("Progressing", "Unknown", PAUSED, "Deployment is paused", now)
        return found if reason == TIMED_OUT else _changed(found, *paused)
    if reason == AVAILABLE and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return found
    if reason == PAUSED:
        found = with_condition(found, "Progressing", "Unknown", RESUMED, "Deployment is resumed", now)
    what = f'{"Deployment" if new is None else "ReplicaSet"} "{(new or deployment)["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return with_condition(found, "Progressing", "True", AVAILABLE, f"{what} has successfully progressed.", now)
    if _progressed(deployment.get("status") or {}, status):
        return with_condition(found, "Progressing", "True", "ReplicaSetUpdated", f"{what} is progressing.", now)
    if deadline_in(deployment, found, now) == 0:
        return _changed(found, "Progressing", "False", TIMED_OUT, f"{what} has timed out progressing.", now)
    return found


def deadline_of(deployment: Json) -> int | None:
    """Return the seconds that a rollout may take without progress, None for any time."""
    limit: int | None = deployment["spec"].get("progressDeadlineSeconds")
    return None if limit is None or limit >= _NO_DEADLINE else limit


def deadline_in(deployment: Json, conditions: Iterable[Json], now: datetime) -> float | None:
    """Return the seconds until a rollout has timed out, None when it cannot."""
    progressing, limit = condition(conditions, "Progressing"), deadline_of(deployment)
    if progressing is None or limit is None or deployment["spec"].get("paused"):
        return None
    last = instant(progressing.get("lastUpdateTime"))
    if progressing.get("reason") in (AVAILABLE, TIMED_OUT) or last is None:
        return None
    return max(0.0, limit - (now - last).total_seconds())


def _changed(conditions: list[Json], kind: str, status: str, reason: str, message: str, now: datetime) -> list[Json]:
    known = condition(conditions, kind)
    if known is not None and (known.get("status"), known.get("reason")) == (status, reason):
        return conditions
    return with_condition(conditions, kind, status, reason, message, now)


def _progressed(before: Json, after: Json) -> bool:
    def old(status: Json) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return any(after.get(name, 0) > before.get(name, 0) for name in grown) or old(after) < old(before)


def _count(replica_set: Json, name: str) -> int:
    return int((replica_set.get("status") or {}).get(name, 0))
