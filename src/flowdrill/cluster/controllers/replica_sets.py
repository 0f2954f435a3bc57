"""ReplicaSets: as many pods of one template as are wanted."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import PODS, REPLICA_SETS, Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.owning import owned, owner_or_matching_keys
from flowdrill.cluster.controllers.pacing import MOST_AT_ONCE, pods_to_make
from flowdrill.cluster.controllers.pod_state import (
    instant,
    is_finished,
    is_ready,
    is_terminating,
    ready_since,
    seconds_until_available,
)
from flowdrill.cluster.controllers.replica_failure import failure_conditions
from flowdrill.cluster.controllers.templates import pod_from
from flowdrill.cluster.events import EventRecorder

_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


class ReplicaSetController:
    """Makes and deletes pods until there are as many as wanted."""

    name = "replicasets"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events = EventRecorder(objects, "replicaset-controller")
        self.watches: Mapping[ResourceType, Callable[[Json], Iterable[Key]]] = {
            REPLICA_SETS: own_key,
            PODS: lambda pod: owner_or_matching_keys(objects, pod, REPLICA_SETS),
        }

    def sync(self, key: Key) -> float | None:
        """Bring the number of pods nearer to what is wanted; count them."""
        replica_set = self._objects.find(REPLICA_SETS, *key)
        if replica_set is None:
            return None
        pods = owned(self._objects, replica_set, PODS)
        active = [pod for pod in pods if not is_terminating(pod) and not is_finished(pod)]
        failure: StatusError | None = None
        try:
            if "deletionTimestamp" not in replica_set["metadata"]:
                self._reach(replica_set, active)
        except StatusError as error:
            failure = error
            raise
        finally:
            again_in = self._count(replica_set, owned(self._objects, replica_set, PODS), failure)
        return again_in

    def _reach(self, replica_set: Json, active: list[Json]) -> None:
        wanted = replica_set["spec"]["replicas"]
        for _ in range(min(wanted - len(active), pods_to_make(active))):
            self._make(replica_set)
        surplus = len(active) - wanted
        if surplus > 0:
            for pod in sorted(active, key=_keep_rank)[: min(surplus, MOST_AT_ONCE)]:
                meta = pod["metadata"]
                self._objects.delete(PODS, meta["namespace"], meta["name"], DeleteOptions(uid=meta["uid"]))
                self._events.record(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {meta['name']}")

    def _make(self, replica_set: Json) -> None:
        pod = pod_from(replica_set["spec"]["template"], replica_set)
        pod["metadata"]["generateName"] = f"{replica_set['metadata']['name']}-"
        try:
            made = self._objects.create(PODS, pod)
        except StatusError as error:
            self._events.record(replica_set, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._events.record(replica_set, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _count(self, replica_set: Json, pods: list[Json], failure: StatusError | None) -> float | None:
        """Write the status; seconds until another pod becomes available, None when none will by itself."""
        active = [pod for pod in pods if not is_terminating(pod) and not is_finished(pod)]
        labels = replica_set["spec"]["template"]["metadata"].get("labels") or {}
        least = replica_set["spec"].get("minReadySeconds") or 0
        waits = [seconds_until_available(pod, least, self._objects.now()) for pod in active]
        labelled = sum(labels.items() <= (pod["metadata"].get("labels") or {}).items() for pod in active)
        counts = {
            "fullyLabeledReplicas": labelled,
            "readyReplicas": sum(is_ready(pod) for pod in active),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status = {"replicas": len(active), "observedGeneration": replica_set["metadata"]["generation"]}
        status |= {name: count for name, count in counts.items() if count}
        conditions = failure_conditions(replica_set, len(active), failure, self._objects.now())
        status |= {"conditions": conditions} if conditions else {}
        if status != replica_set.get("status"):
            new = copy.copy(replica_set)
            new["metadata"] = {**replica_set["metadata"], "resourceVersion": ""}
            new["status"] = status
            self._objects.update(REPLICA_SETS, new, part=Part.STATUS)
        return min((wait for wait in waits if wait), default=None)


def _keep_rank(pod: Json) -> tuple[float, ...]:
    """What is deleted first: pods without a node, pending ones, those not ready, the cheapest, those ready for the
    shortest time, those restarted most often, the youngest."""
    status = pod.get("status") or {}
    restarts = (one.get("restartCount") or 0 for one in status.get("containerStatuses") or ())
    return (
        bool(pod["spec"].get("nodeName")),
        _PHASES.get(status.get("phase", "Unknown"), 1),
        is_ready(pod),
        _deletion_cost(pod),
        -_seconds(ready_since(pod)),
        -max(restarts, default=0),
        -_seconds(instant(pod["metadata"]["creationTimestamp"])),
    )


def _deletion_cost(pod: Json) -> int:
    text = str((pod["metadata"].get("annotations") or {}).get(_DELETION_COST))
    return int(text) if re.fullmatch(r"-?\d{1,10}", text, re.ASCII) else 0


def _seconds(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()
