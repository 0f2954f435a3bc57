"""What ReplicaSets and Deployments say while pods cannot be made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.status_error import StatusError

_FAILURE, _TIME = "ReplicaFailure", "%Y-%m-%dT%H:%M:%SZ"


def failure_conditions(replica_set: Json, active: int, failure: StatusError | None, now: datetime) -> list[Json]:
    """Return a ReplicaSet's conditions: that pods could not be made or deleted, from the first failure until it works
    again. A namespace that is going has nobody left to tell."""
    known: list[Json] = list((replica_set.get("status") or {}).get("conditions") or ())
    if failure is None or _is_terminating(failure):
        return [one for one in known if one.get("type") != _FAILURE]
    if any(one.get("type") == _FAILURE for one in known):
        return known
    reason = "FailedCreate" if active < replica_set["spec"]["replicas"] else "FailedDelete"
    new = {"type": _FAILURE, "status": "True", "lastTransitionTime": now.strftime(_TIME), "reason": reason}
    return [*known, new | {"message": failure.message}]


def with_failure(conditions: list[Json], new: Json | None, sets: Iterable[Json]) -> list[Json]:
    """Return a Deployment's conditions with the failure of its newest ReplicaSet, else of an older one; without one
    when all of them work."""
    others = [one for one in conditions if one.get("type") != _FAILURE]
    candidates = [*([new] if new is not None else ()), *sets]
    found = next((failure for one in candidates if (failure := _failure_of(one)) is not None), None)
    if found is None:
        return others
    kept = {name: found.get(name) for name in ("type", "status", "reason", "message", "lastTransitionTime")}
    return [*others, kept | {"lastUpdateTime": found.get("lastTransitionTime")}]


def _failure_of(replica_set: Json) -> Json | None:
    conditions: list[Json] = (replica_set.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one.get("type") == _FAILURE), None)


def _is_terminating(failure: StatusError) -> bool:
    return any(one.get("reason") == "NamespaceTerminating" for one in failure.details.get("causes") or ())
