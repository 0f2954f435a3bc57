"""Deployments: from one template to the next, never with too many or too few pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import DEPLOYMENTS, PODS, REPLICA_SETS, Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.deployment_revisions import (
    REVISION,
    annotations_of,
    brought_up_to_date,
    is_saturated,
    new_replica_set,
    revision_of,
    shares,
    size_annotations,
    was_scaled,
)
from flowdrill.cluster.controllers.deployment_status import (
    condition,
    conditions_of,
    counts,
    deadline_in,
    deadline_of,
    is_complete,
    limits_of,
    with_condition,
)
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.owning import controller_of, owned, owner_or_matching_keys
from flowdrill.cluster.controllers.pod_state import is_finished
from flowdrill.cluster.controllers.replica_failure import with_failure
from flowdrill.cluster.controllers.rollout import next_shares, proportional
from flowdrill.cluster.controllers.templates import same_template
from flowdrill.cluster.events import EventRecorder


class DeploymentController:
    """Rolls Deployments, one step a look."""

    name = "deployments"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events = EventRecorder(objects, "deployment-controller")
        self.watches: Mapping[ResourceType, Callable[[Json], Iterable[Key]]] = {
            DEPLOYMENTS: own_key,
            REPLICA_SETS: lambda one: owner_or_matching_keys(objects, one, DEPLOYMENTS),
            PODS: self._deployment_of,
        }

    def sync(self, key: Key) -> float | None:
        """Take the next step of a rollout, and write the status; seconds until the rollout will have timed out."""
        deployment = self._objects.find(DEPLOYMENTS, *key)
        if deployment is None:
            return None
        sets = sorted(owned(self._objects, deployment, REPLICA_SETS), key=_age_rank)
        template = deployment["spec"]["template"]
        new = next((one for one in sets if same_template(one["spec"]["template"], template)), None)
        if "deletionTimestamp" not in deployment["metadata"]:
            deployment, new, sets = self._step(deployment, new, sets)
        return self._report(deployment, new, sets)

    def _step(self, deployment: Json, new: Json | None, sets: list[Json]) -> tuple[Json, Json | None, list[Json]]:
        paused, recreates = deployment["spec"].get("paused"), deployment["spec"]["strategy"]["type"] == "Recreate"
        scaled = paused or was_scaled(deployment, sets)
        if new is not None or not (scaled or (recreates and self._remain(sets))):
            deployment, new = self._newest(deployment, new, sets)
            sets = _read_again(self._objects, [*sets, new])
        if scaled:
            sizes = _after_scaling(deployment, new, sets)
        elif recreates:
            sizes = self._recreated(deployment, new, sets)
        else:
            sizes = _rolled(deployment, new, sets)
        sets = self._scaled(deployment, sets, sizes)
        if new is not None:
            new = self._objects.find(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"])
        if paused or is_complete(deployment, deployment.get("status") or {}):
            self._prune(deployment, _others(sets, new))
        return deployment, new, sets

    def _newest(self, deployment: Json, new: Json | None, sets: list[Json]) -> tuple[Json, Json]:
        """The ReplicaSet of the present template, made or found again, with its revision."""
        revision = max((revision_of(one) for one in _others(sets, new)), default=0) + 1
        if new is None:
            new = self._made(deployment, sets, revision)
            text = f'Created new replica set "{new["metadata"]["name"]}"'
            deployment = self._told(deployment, "True", "NewReplicaSetCreated", text)
        else:
            place = (new["metadata"]["namespace"], new["metadata"]["name"])
            new = self._objects.change(REPLICA_SETS, *place, lambda one: brought_up_to_date(deployment, one, revision))
            if condition((deployment.get("status") or {}).get("conditions") or (), "Progressing") is None:
                deployment = self._told(deployment, "True", "FoundNewReplicaSet", f'Found new replica set "{place[1]}"')
        number = annotations_of(new)[REVISION]
        if annotations_of(deployment).get(REVISION) != number:
            meta = deployment["metadata"]

            def edit(one: Json) -> None:
                one["metadata"]["annotations"] = {**annotations_of(one), REVISION: number}

            deployment = self._objects.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit)
        return deployment, new

    def _made(self, deployment: Json, sets: list[Json], revision: int) -> Json:
        replica_set = new_replica_set(deployment, sets, revision)
        try:
            made = self._objects.create(REPLICA_SETS, replica_set)
        except StatusError as error:
            if error.reason == "AlreadyExists":
                self._count_collision(deployment)
            elif error.code not in (403, 404):  # the namespace is going: there is nothing left to roll out
                text = f'Failed to create new replica set "{replica_set["metadata"]["name"]}": {error}'
                self._told(deployment, "False", "ReplicaSetCreateError", text)
                self._events.record(deployment, "Warning", "ReplicaSetCreateError", text)
            raise
        if made["spec"]["replicas"]:
            self._tell_scaled(deployment, made, 0, made["spec"]["replicas"])
        return made

    def _count_collision(self, deployment: Json) -> None:
        """Another template has the name: count that, so that the next try gets another one."""
        meta = deployment["metadata"]

        def edit(one: Json) -> None:
            status = one.setdefault("status", {})
            status["collisionCount"] = status.get("collisionCount", 0) + 1

        self._objects.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit, part=Part.STATUS)

    def _recreated(self, deployment: Json, new: Json | None, sets: list[Json]) -> dict[str, int]:
        old = _others(sets, new)
        if new is None or self._remain(old):
            return {one["metadata"]["name"]: 0 for one in old}
        return {new["metadata"]["name"]: deployment["spec"]["replicas"]}

    def _remain(self, old: list[Json]) -> bool:
        """Whether a pod of these is wanted, still runs, or ends."""
        uids = {one["metadata"]["uid"] for one in old}
        pods = self._objects.select(PODS, old[0]["metadata"]["namespace"]) if old else []
        return any(one["spec"]["replicas"] for one in old) or any(
            (controller_of(pod) or {}).get("uid") in uids and not is_finished(pod) for pod in pods
        )

    def _scaled(self, deployment: Json, sets: list[Json], sizes: Mapping[str, int]) -> list[Json]:
        sizes_now = size_annotations(deployment)
        for one in sets:
            name, before = one["metadata"]["name"], one["spec"]["replicas"]
            size = sizes.get(name, before)
            annotations = {**annotations_of(one), **sizes_now}
            if size == before and (not before or annotations == one["metadata"].get("annotations")):
                continue

            def edit(value: Json, size: int = size, annotations: Json = annotations) -> None:
                value["spec"]["replicas"], value["metadata"]["annotations"] = size, annotations

            self._objects.change(REPLICA_SETS, one["metadata"]["namespace"], name, edit)
            if size != before:
                self._tell_scaled(deployment, one, before, size)
        return _read_again(self._objects, sets)

    def _tell_scaled(self, deployment: Json, replica_set: Json, before: int, after: int) -> None:
        way = "up" if after > before else "down"
        text = f"Scaled {way} replica set {replica_set['metadata']['name']} from {before} to {after}"
        self._events.record(deployment, "Normal", "ScalingReplicaSet", text)

    def _told(self, deployment: Json, holds: str, reason: str, message: str) -> Json:
        """Write the condition Progressing of a rollout that has a deadline: from now on it runs."""
        if deadline_of(deployment) is None:
            return deployment
        meta, now = deployment["metadata"], self._objects.now()

        def edit(one: Json) -> None:
            status = one.setdefault("status", {})
            known = status.get("conditions") or []
            status["conditions"] = with_condition(known, "Progressing", holds, reason, message, now)

        return self._objects.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit, part=Part.STATUS)

    def _prune(self, deployment: Json, old: list[Json]) -> None:
        kept = [one for one in old if "deletionTimestamp" not in one["metadata"]]
        surplus = len(kept) - deployment["spec"].get("revisionHistoryLimit", len(kept))
        for one in sorted(kept, key=revision_of)[: max(0, surplus)]:
            if one["spec"]["replicas"] or (one.get("status") or {}).get("replicas"):
                continue
            meta = one["metadata"]
            self._objects.delete(REPLICA_SETS, meta["namespace"], meta["name"], DeleteOptions(uid=meta["uid"]))

    def _report(self, deployment: Json, new: Json | None, sets: list[Json]) -> float | None:
        now = self._objects.now()
        status = counts(deployment, new, sets)
        conditions = with_failure(conditions_of(deployment, new, status, now), new, sets)
        if conditions:
            status["conditions"] = conditions
        if status != deployment.get("status"):
            meta = {**deployment["metadata"], "resourceVersion": ""}
            self._objects.update(DEPLOYMENTS, {**deployment, "metadata": meta, "status": status}, part=Part.STATUS)
        return deadline_in(deployment, conditions, now)

    def _deployment_of(self, pod: Json) -> Iterable[Key]:
        """A pod's end may let a Recreate go on."""
        controller = controller_of(pod)
        if controller is None or controller.get("kind") != "ReplicaSet" or not controller.get("name"):
            return
        found = self._objects.find(REPLICA_SETS, pod["metadata"]["namespace"], controller["name"])
        if found is not None:
            yield from owner_or_matching_keys(self._objects, found, DEPLOYMENTS)


def _read_again(objects: Objects, sets: Iterable[Json]) -> list[Json]:
    places = dict.fromkeys((one["metadata"]["namespace"], one["metadata"]["name"]) for one in sets)
    found = [objects.find(REPLICA_SETS, *place) for place in places]
    return sorted((one for one in found if one is not None), key=_age_rank)


def _age_rank(replica_set: Json) -> tuple[str, str]:
    """Oldest first. Nothing that changes may decide: of two with the present template the first stays the first."""
    return replica_set["metadata"]["creationTimestamp"], replica_set["metadata"]["name"]


def _others(sets: Iterable[Json], new: Json | None) -> list[Json]:
    return [one for one in sets if new is None or one["metadata"]["uid"] != new["metadata"]["uid"]]


def _rolled(deployment: Json, new: Json | None, sets: list[Json]) -> dict[str, int]:
    """What the ReplicaSets are scaled to in the next step of a rolling update."""
    current = [one for one in sets if new is not None and one["metadata"]["uid"] == new["metadata"]["uid"]]
    if not current:
        return {}
    (share,), wanted = shares(current), deployment["spec"]["replicas"]
    return next_shares(share, shares(_others(sets, new)), wanted, *limits_of(deployment))


def _after_scaling(deployment: Json, new: Json | None, sets: list[Json]) -> dict[str, int]:
    """What the ReplicaSets are scaled to after the Deployment was, without going on with a rollout."""
    wanted = deployment["spec"]["replicas"]
    active = [one for one in sets if one["spec"]["replicas"]]
    if len(active) <= 1:
        newest = [new] if new is not None else sets[-1:]
        return {one["metadata"]["name"]: wanted for one in active or newest}
    if new is not None and is_saturated(deployment, new):
        return {one["metadata"]["name"]: 0 for one in _others(active, new)}
    if deployment["spec"]["strategy"]["type"] == "Recreate":
        return {}
    return proportional(shares(active), wanted, limits_of(deployment)[0])
