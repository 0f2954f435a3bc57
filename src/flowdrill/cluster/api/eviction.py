"""Evictions: a pod is deleted only when its PodDisruptionBudget can spare it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flowdrill.cluster.api.deletion import TIME_FORMAT, DeleteOptions, delete_options_in
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.request import Request
from flowdrill.cluster.api.resource_types import POD_DISRUPTION_BUDGETS, PODS, Json
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.api.status_error import StatusError, bad_request, too_many_requests

_VERSIONS = ("policy/v1", "policy/v1beta1")
_MOST_DISRUPTED_PODS = 2000  # evicted, and not yet seen to go by the controller of the budgets
_VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."


@dataclass(frozen=True, slots=True)
class Eviction:
    """One pod that somebody wants to go, and how it is to be deleted."""

    namespace: str
    name: str
    options: DeleteOptions


def eviction_asked(request: Request, body: Json) -> Eviction:
    """Return the eviction of a request; StatusError 400 when the body is none or names another pod."""
    said = (body.get("apiVersion"), body.get("kind"))
    if said not in [(version, "Eviction") for version in _VERSIONS]:
        raise bad_request(f"the object provided is {said[0]} {said[1]}, not policy/v1 Eviction")
    meta = body.get("metadata")
    if not isinstance(meta, dict) or meta.get("name") != request.name:
        raise bad_request("name in URL does not match name in Eviction object")
    if meta.get("namespace") not in (None, "", request.namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    options = delete_options_in(body.get("deleteOptions") or {})
    wanted = replace(options, dry_run=options.dry_run or request.dry_run)
    return Eviction(request.namespace or "", request.name or "", wanted)


def evicted(objects: Objects, asked: Eviction) -> Json:
    """Delete the pod and return a Status; StatusError 404, 409, 429 when its budget does not allow it, 500 when it has
    more than one. A pod that serves nobody goes without asking."""
    pod = objects.get(PODS, asked.namespace, asked.name)
    if _counts(pod):
        budgets = budgets_of(pod, objects.select(POD_DISRUPTION_BUDGETS, asked.namespace))
        if len(budgets) > 1:
            many = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise StatusError(500, "", many)
        for budget in budgets:
            if _is_ready(pod) or not _has_enough_without(budget):
                _spend(objects, budget, asked, objects.now())
    objects.delete(PODS, asked.namespace, asked.name, asked.options)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def budgets_of(pod: Json, budgets: Sequence[Json]) -> list[Json]:
    """Return the budgets that select a pod."""
    labels = pod["metadata"].get("labels")
    return [one for one in budgets if label_selector_of((one.get("spec") or {}).get("selector")).matches(labels)]


def _spend(objects: Objects, budget: Json, asked: Eviction, now: datetime) -> None:
    """Take one disruption from a budget, and note whose it is until the controller has seen the pod go."""
    meta, status = budget["metadata"], budget.get("status") or {}
    if status.get("observedGeneration", 0) < meta.get("generation", 1):
        raise _violated(f"The disruption budget {meta['name']} is still being processed by the server.")
    if len(status.get("disruptedPods") or {}) > _MOST_DISRUPTED_PODS:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise StatusError(403, "Forbidden", f'poddisruptionbudgets.policy "{meta["name"]}" is forbidden: {why}')
    if status.get("disruptionsAllowed", 0) <= 0:
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _violated(f"The disruption budget {meta['name']} needs {needs} healthy pods and has {has} currently")
    if asked.options.dry_run:
        return

    def edit(one: Json) -> None:
        one["status"]["disruptionsAllowed"] -= 1
        noted = one["status"].get("disruptedPods") or {}
        one["status"]["disruptedPods"] = {**noted, asked.name: now.strftime(TIME_FORMAT)}

    objects.change(POD_DISRUPTION_BUDGETS, asked.namespace, meta["name"], edit, part=Part.STATUS)


def _violated(cause: str) -> StatusError:
    return too_many_requests(_VIOLATED, [{"reason": "DisruptionBudget", "message": cause}])


def _counts(pod: Json) -> bool:
    """Whether a pod may serve somebody: what is over, has not begun or goes anyway disrupts nobody."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed", "Pending") and "deletionTimestamp" not in pod["metadata"]


def _has_enough_without(budget: Json) -> bool:
    """Whether the budget is kept by the healthy pods, so that one that is not healthy may go."""
    status = budget.get("status") or {}
    wanted = status.get("desiredHealthy", 0)
    return bool(wanted > 0 and status.get("currentHealthy", 0) >= wanted) or _always(budget)


def _always(budget: Json) -> bool:
    return (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow"


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
