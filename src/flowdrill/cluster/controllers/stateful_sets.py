"""StatefulSets: pods with names of their own, made in order and replaced in order."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS, Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.owning import owned, owner_or_matching_keys
from flowdrill.cluster.controllers.pacing import pods_to_make
from flowdrill.cluster.controllers.pod_state import (
    is_finished,
    is_pending,
    is_ready,
    is_terminating,
    seconds_until_available,
)
from flowdrill.cluster.controllers.set_claims import make_claims, mount_claims, set_keys
from flowdrill.cluster.controllers.set_revisions import REVISION_LABEL, prune_revisions, set_revisions
from flowdrill.cluster.controllers.templates import pod_from
from flowdrill.cluster.events import EventRecorder

_NAME_LABEL, _INDEX_LABEL = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


@dataclass(frozen=True, slots=True)
class _Revisions:
    """The templates a set is between, by the names of their ControllerRevisions."""

    current: str
    update: str
    templates: Mapping[str, Json]


class StatefulSetController:
    """Takes one step at a time: the next pod only when the one before it is ready, unless pods are Parallel."""

    name = "statefulsets"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events = EventRecorder(objects, "statefulset-controller")
        self.watches: Mapping[ResourceType, Callable[[Json], Iterable[Key]]] = {
            STATEFUL_SETS: own_key,
            PODS: lambda pod: owner_or_matching_keys(objects, pod, STATEFUL_SETS),
            PERSISTENT_VOLUME_CLAIMS: lambda claim: set_keys(objects, claim),
        }

    def sync(self, key: Key) -> float | None:
        """Take the next step and write the status; seconds until another pod becomes available."""
        found = self._objects.find(STATEFUL_SETS, *key)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return None
        known = set_revisions(self._objects, found)
        update = known[-1]["metadata"]["name"]
        templates = {one["metadata"]["name"]: one["data"]["spec"]["template"] for one in known}
        current = (found.get("status") or {}).get("currentRevision", update)
        revisions = _Revisions(current if current in templates else update, update, templates)
        try:
            self._step(found, revisions)
        finally:
            again_in = self._report(found, revisions)
        return again_in

    def _step(self, found: Json, revisions: _Revisions) -> None:
        pods = {_ordinal(found, pod): pod for pod in self._pods(found)}
        start = _start(found)
        wanted = range(start, start + found["spec"]["replicas"])
        in_order = found["spec"].get("podManagementPolicy") != "Parallel"
        for number, pod in pods.items():
            if number in wanted and is_pending(pod):
                make_claims(self._objects, self._events, found, number)
        if self._fill(found, revisions, pods, wanted, in_order=in_order):
            return
        surplus = [pods[number] for number in sorted(pods, reverse=True) if number not in wanted]
        self._remove(found, surplus, in_order=in_order)
        if found["spec"]["updateStrategy"]["type"] == "RollingUpdate" and not surplus:
            self._replace(found, revisions, pods, wanted)

    def _fill(
        self, found: Json, revisions: _Revisions, pods: Mapping[int, Json], wanted: range, *, in_order: bool
    ) -> bool:
        """Make the pods that are missing, and make room for those that have ended; return whether the rest has to
        wait. It goes on at the next look: every pod made or deleted brings one about."""
        waits, left = False, pods_to_make(pods.values())
        for number in wanted:
            pod = pods.get(number)
            if pod is None:
                if left == 0:
                    return True
                self._make(found, revisions, number)
                left -= 1
            elif is_finished(pod):
                if not is_terminating(pod):
                    self._delete(found, pod)
            elif not in_order or (not is_terminating(pod) and self._is_available(found, pod)):
                continue
            if in_order:
                return True
            waits = True
        return waits

    def _remove(self, found: Json, surplus: list[Json], *, in_order: bool) -> None:
        """Delete the pods that are too many, highest first. In order, each waits until the one before it is gone, and
        one that is not available waits for a lower one that is not: that is looked after first."""
        sick = [pod for pod in surplus if is_terminating(pod) or not is_ready(pod)]
        for pod in surplus[:1] if in_order else surplus:
            waits = in_order and pod not in sick[-1:] and not self._is_available(found, pod)
            if not is_terminating(pod) and not waits:
                self._delete(found, pod)

    def _replace(self, found: Json, revisions: _Revisions, pods: Mapping[int, Json], wanted: range) -> None:
        """Delete the highest pod of an older template; the next one has to wait until it is back and ready."""
        for number in reversed(wanted):
            if number < _first_updated(found):
                return
            pod = pods[number]
            if _revision(pod) != revisions.update and not is_terminating(pod):
                self._delete(found, pod)
                return
            if is_terminating(pod) or not self._is_available(found, pod):
                return

    def _pods(self, found: Json) -> list[Json]:
        """The set's own pods; those with other names are none of its business, whatever their labels."""
        return owned(self._objects, found, PODS, lambda pod: _ordinal(found, pod) >= 0)

    def _is_available(self, found: Json, pod: Json) -> bool:
        return seconds_until_available(pod, found["spec"].get("minReadySeconds") or 0, self._objects.now()) == 0

    def _make(self, found: Json, revisions: _Revisions, number: int) -> None:
        revision = revisions.current if number < _first_updated(found) else revisions.update
        pod = pod_from(revisions.templates[revision], found)
        name = f"{found['metadata']['name']}-{number}"
        pod["metadata"]["name"] = name
        labels = {REVISION_LABEL: revision, _NAME_LABEL: name, _INDEX_LABEL: str(number)}
        pod["metadata"].setdefault("labels", {}).update(labels)
        pod["spec"]["hostname"] = name
        if found["spec"].get("serviceName"):
            pod["spec"]["subdomain"] = found["spec"]["serviceName"]
        mount_claims(pod, found, number)
        make_claims(self._objects, self._events, found, number)
        try:
            self._objects.create(PODS, pod)
        except StatusError as error:
            text = f"create Pod {name} in StatefulSet {found['metadata']['name']} failed error: {error}"
            self._events.record(found, "Warning", "FailedCreate", text)
            raise
        text = f"create Pod {name} in StatefulSet {found['metadata']['name']} successful"
        self._events.record(found, "Normal", "SuccessfulCreate", text)

    def _delete(self, found: Json, pod: Json) -> None:
        meta = pod["metadata"]
        self._objects.delete(PODS, meta["namespace"], meta["name"], DeleteOptions(uid=meta["uid"]))
        text = f"delete Pod {meta['name']} in StatefulSet {found['metadata']['name']} successful"
        self._events.record(found, "Normal", "SuccessfulDelete", text)

    def _report(self, found: Json, revisions: _Revisions) -> float | None:
        pods = self._pods(found)
        alive = [pod for pod in pods if not is_terminating(pod)]
        least, now = found["spec"].get("minReadySeconds") or 0, self._objects.now()
        waits = [seconds_until_available(pod, least, now) for pod in pods]
        ready = sum(is_ready(pod) for pod in pods)
        current, updated = (
            sum(_revision(pod) == name for pod in alive) for name in (revisions.current, revisions.update)
        )
        now_current = revisions.current
        rolls = found["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        if rolls and updated == ready == found["spec"]["replicas"] == len(pods):
            now_current, current = revisions.update, updated
        status: Json = {
            "observedGeneration": found["metadata"]["generation"], "replicas": len(pods),
            "currentRevision": now_current, "updateRevision": revisions.update, "collisionCount": 0,
        }  # fmt: skip
        counts = {"readyReplicas": ready, "availableReplicas": sum(wait == 0 for wait in waits)}
        counts |= {"currentReplicas": current, "updatedReplicas": updated}
        status |= {name: count for name, count in counts.items() if count}
        status.setdefault("availableReplicas", 0)
        if status != found.get("status"):
            new = copy.copy(found)
            new["metadata"] = {**found["metadata"], "resourceVersion": ""}
            new["status"] = status
            self._objects.update(STATEFUL_SETS, new, part=Part.STATUS)
        prune_revisions(self._objects, found, {now_current, revisions.update, *map(_revision, pods)})
        return min((wait for wait in waits if wait), default=None)


def _ordinal(found: Json, pod: Json) -> int:
    """The pod's number, -1 for a pod that cannot be one of the set's."""
    name, _, text = pod["metadata"]["name"].rpartition("-")
    belongs = name == found["metadata"]["name"] and re.fullmatch(r"0|[1-9]\d{0,17}", text, re.ASCII)
    return int(text) if belongs else -1


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def _start(found: Json) -> int:
    return max(0, (found["spec"].get("ordinals") or {}).get("start") or 0)


def _first_updated(found: Json) -> int:
    """The first number that gets the present template: the partition counts pods, wherever their numbers start."""
    return _start(found) + int((found["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition") or 0)
