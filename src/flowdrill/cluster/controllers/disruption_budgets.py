"""What PodDisruptionBudgets say of themselves: how many pods are healthy, and how many more may go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from flowdrill.cluster.api.eviction import budgets_of
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import (
    DEPLOYMENTS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Json,
)
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.owning import controller_of
from flowdrill.cluster.controllers.pod_state import instant, is_ready, is_terminating
from flowdrill.cluster.controllers.rollout import resolved

_WAITS_FOR_DELETION = timedelta(minutes=2)  # a pod that was evicted, and is there still after it, stays
_CONDITION = "DisruptionAllowed"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SCALED = {one.kind: one for one in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS)}


class DisruptionBudgetController:
    """Keeps the status of PodDisruptionBudgets, by which evictions are judged."""

    name = "disruption-budgets"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = {
            POD_DISRUPTION_BUDGETS: own_key,
            PODS: self._of_pod,
            DEPLOYMENTS: self._in_namespace,
            REPLICA_SETS: self._in_namespace,
            STATEFUL_SETS: self._in_namespace,
        }

    def sync(self, key: Key) -> float | None:
        """Count the pods of one budget."""
        budget = self._objects.find(POD_DISRUPTION_BUDGETS, *key)
        if budget is None:
            return None
        selector = label_selector_of((budget.get("spec") or {}).get("selector"))
        pods = self._objects.select(PODS, key[0], selector)
        now = self._objects.now()
        expected, wanted = self._expected(budget, pods)
        waiting = _going(budget, pods, now)
        healthy = sum(1 for one in pods if _is_healthy(one, waiting))
        allowed = max(0, healthy - wanted) if expected > 0 else 0
        status: Json = {"observedGeneration": budget["metadata"].get("generation", 1), "disruptionsAllowed": allowed}
        status |= {"currentHealthy": healthy, "desiredHealthy": wanted, "expectedPods": expected}
        status |= {"disruptedPods": waiting} if waiting else {}
        status["conditions"] = _conditions(budget, status, now)
        if status != budget.get("status"):
            self._objects.change(POD_DISRUPTION_BUDGETS, *key, lambda one: one.update(status=status), part=Part.STATUS)
        return _WAITS_FOR_DELETION.total_seconds() if waiting else None

    def _expected(self, budget: Json, pods: Sequence[Json]) -> tuple[int, int]:
        """How many pods there should be, and how many of them healthy."""
        spec = budget.get("spec") or {}
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if most is not None:
            expected = self._scale(pods)
            return expected, max(0, expected - resolved(most, expected, up=True))
        if isinstance(least, str):
            expected = self._scale(pods)
            return expected, resolved(least, expected, up=True)
        return len(pods), least or 0

    def _scale(self, pods: Sequence[Json]) -> int:
        """How many replicas the owners of the pods want, each owner once; pods of nobody do not count."""
        owners: dict[str, int] = {}
        for pod in pods:
            owner = self._owner(pod)
            if owner is not None:
                owners[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
        return sum(owners.values())

    def _owner(self, pod: Json) -> Json | None:
        """The workload that a pod belongs to: of a Deployment's pods the Deployment."""
        found: Json | None = None
        value = pod
        while (owner := self._controller(value)) is not None:
            found = value = owner
        return found

    def _controller(self, value: Json) -> Json | None:
        reference = controller_of(value)
        resource = _SCALED.get(str((reference or {}).get("kind")))
        if reference is None or resource is None:
            return None
        found = self._objects.find(resource, value["metadata"]["namespace"], str(reference.get("name")))
        return found if found is not None and found["metadata"]["uid"] == reference["uid"] else None

    def _of_pod(self, pod: Json) -> Iterator[Key]:
        for one in budgets_of(pod, self._objects.select(POD_DISRUPTION_BUDGETS, pod["metadata"]["namespace"])):
            yield from own_key(one)

    def _in_namespace(self, value: Json) -> Iterator[Key]:
        for one in self._objects.store.all(POD_DISRUPTION_BUDGETS, value["metadata"]["namespace"]):
            yield from own_key(one)


def _going(budget: Json, pods: Sequence[Json], now: datetime) -> dict[str, Any]:
    """The pods whose eviction was accepted and whose deletion has not begun, and since when."""
    noted = (budget.get("status") or {}).get("disruptedPods") or {}
    staying = {one["metadata"]["name"] for one in pods if not is_terminating(one)}
    return {
        name: since for name, since in noted.items()
        if name in staying and (begun := instant(since)) is not None and begun + _WAITS_FOR_DELETION > now
    }  # fmt: skip


def _is_healthy(pod: Json, going: dict[str, Any]) -> bool:
    return is_ready(pod) and not is_terminating(pod) and pod["metadata"]["name"] not in going


def _conditions(budget: Json, status: Json, now: datetime) -> list[Json]:
    """Whether a disruption is allowed, as a condition; since when it has been so."""
    conditions: list[Json] = (budget.get("status") or {}).get("conditions") or []
    known = next((one for one in conditions if one.get("type") == _CONDITION), {})
    allowed = status["disruptionsAllowed"] > 0
    text = "True" if allowed else "False"
    since = known.get("lastTransitionTime") if known.get("status") == text else None
    return [
        {
            "type": _CONDITION, "status": text, "reason": "SufficientPods" if allowed else "InsufficientPods",
            "message": "", "observedGeneration": status["observedGeneration"],
            "lastTransitionTime": since or now.strftime(_TIME),
        }
    ]  # fmt: skip
