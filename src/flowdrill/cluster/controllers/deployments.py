"""Deployments: from one template to the next, never with too many or too few pods."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import DEPLOYMENTS, PODS, REPLICA_SETS, Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.deployment_status import (
    condition,
    conditions_of,
    counts,
    deadline_in,
    is_complete,
    limits_of,
    with_condition,
)
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.owning import controller_of, owned, owner_or_matching_keys, reference_to
from flowdrill.cluster.controllers.pod_state import is_finished
from flowdrill.cluster.controllers.rollout import Share, next_shares, proportional
from flowdrill.cluster.controllers.templates import HASH_LABEL, hash_of, same_template
from flowdrill.cluster.events import EventRecorder

_PREFIX = "deployment.kubernetes.io/"
REVISION, _HISTORY = f"{_PREFIX}revision", f"{_PREFIX}revision-history"
_DESIRED, _MOST = f"{_PREFIX}desired-replicas", f"{_PREFIX}max-replicas"
_NOT_COPIED = frozenset({
    "kubectl.kubernetes.io/last-applied-configuration", REVISION, _HISTORY, _DESIRED, _MOST,
    "deprecated.deployment.rollback.to",
})  # fmt: skip


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
        new = next(
            (one for one in sets if same_template(one["spec"]["template"], deployment["spec"]["template"])), None
        )
        if "deletionTimestamp" not in deployment["metadata"]:
            deployment, new, sets = self._step(deployment, new, sets)
        return self._report(deployment, new, sets)

    def _step(self, deployment: Json, new: Json | None, sets: list[Json]) -> tuple[Json, Json | None, list[Json]]:
        if deployment["spec"].get("paused") or self._was_scaled(deployment, sets):
            sets = self._scale_all(deployment, new, sets)
        else:
            deployment, new = self._newest(deployment, new, sets)
            sets = self._rolled(deployment, new, _read_again(self._objects, [*sets, new]))
        if new is not None:
            new = self._objects.find(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"])
        if is_complete(deployment, deployment.get("status") or {}) and new is not None:
            self._prune(deployment, [one for one in sets if one["metadata"]["uid"] != new["metadata"]["uid"]])
        return deployment, new, sets

    def _newest(self, deployment: Json, new: Json | None, sets: list[Json]) -> tuple[Json, Json]:
        """The ReplicaSet of the present template, made or found again, with its revision."""
        others = [one for one in sets if new is None or one["metadata"]["uid"] != new["metadata"]["uid"]]
        revision = max((_revision(one) for one in others), default=0) + 1
        if new is None:
            new = self._made(deployment, sets, revision)
            text = f'Created new replica set "{new["metadata"]["name"]}"'
            deployment = self._told(deployment, "NewReplicaSetCreated", text)
        else:
            new = self._annotated(deployment, new, revision)
            if condition((deployment.get("status") or {}).get("conditions") or (), "Progressing") is None:
                text = f'Found new replica set "{new["metadata"]["name"]}"'
                deployment = self._told(deployment, "FoundNewReplicaSet", text)
        number = new["metadata"]["annotations"][REVISION]
        if (deployment["metadata"].get("annotations") or {}).get(REVISION) != number:
            meta = deployment["metadata"]

            def edit(one: Json) -> None:
                one["metadata"].setdefault("annotations", {})[REVISION] = number

            deployment = self._objects.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit)
        return deployment, new

    def _made(self, deployment: Json, sets: list[Json], revision: int) -> Json:
        meta, spec = deployment["metadata"], deployment["spec"]
        name = hash_of(spec["template"], (deployment.get("status") or {}).get("collisionCount"))
        template = copy.deepcopy(spec["template"])
        template["metadata"].setdefault("labels", {})[HASH_LABEL] = name
        selector = copy.deepcopy(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = name
        share = Share("new", 0, 0)
        surge, unavailable = limits_of(deployment)
        first = next_shares(share, _shares(sets), spec["replicas"], surge, unavailable).get("new", 0)
        if spec["strategy"]["type"] == "Recreate":
            first = 0
        annotations = {**_copied(deployment), REVISION: str(revision), **_sizes(deployment)}
        replica_set: Json = {
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{name}", "namespace": meta["namespace"],
                "labels": template["metadata"]["labels"], "annotations": annotations,
                "ownerReferences": [reference_to(deployment)],
            },
            "spec": {"replicas": first, "selector": selector, "template": template},
        }  # fmt: skip
        if spec.get("minReadySeconds"):
            replica_set["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        try:
            made = self._objects.create(REPLICA_SETS, replica_set)
        except StatusError as error:
            self._name_taken(deployment, replica_set, error)
            raise
        if first:
            self._tell_scaled(deployment, made, 0, first)
        return made

    def _name_taken(self, deployment: Json, replica_set: Json, error: StatusError) -> None:
        """Another ReplicaSet has the name: count that, so that the next try gets another one."""
        meta = replica_set["metadata"]
        other = self._objects.find(REPLICA_SETS, meta["namespace"], meta["name"])
        controller = None if other is None else controller_of(other)
        if error.reason != "AlreadyExists" or (controller or {}).get("uid") == deployment["metadata"]["uid"]:
            return

        def edit(one: Json) -> None:
            status = one.setdefault("status", {})
            status["collisionCount"] = status.get("collisionCount", 0) + 1

        self._objects.change(DEPLOYMENTS, meta["namespace"], deployment["metadata"]["name"], edit, part=Part.STATUS)

    def _annotated(self, deployment: Json, new: Json, revision: int) -> Json:
        before = _revision(new)

        def edit(one: Json) -> None:
            annotations = one["metadata"].setdefault("annotations", {})
            annotations.update(_copied(deployment))
            if before < revision:
                history = [part for part in annotations.get(_HISTORY, "").split(",") if part]
                if before:
                    annotations[_HISTORY] = ",".join([*history, str(before)])
                annotations[REVISION] = str(revision)
            if deployment["spec"].get("minReadySeconds"):
                one["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
            else:
                one["spec"].pop("minReadySeconds", None)

        return self._objects.change(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"], edit)

    def _rolled(self, deployment: Json, new: Json, sets: list[Json]) -> list[Json]:
        wanted, uid = deployment["spec"]["replicas"], new["metadata"]["uid"]
        old = [one for one in sets if one["metadata"]["uid"] != uid]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            sizes = {one["metadata"]["name"]: 0 for one in old if one["spec"]["replicas"]}
            if not sizes and not self._old_pods(deployment, uid):
                sizes = {new["metadata"]["name"]: wanted}
        else:
            surge, unavailable = limits_of(deployment)
            current = next(one for one in sets if one["metadata"]["uid"] == uid)
            sizes = next_shares(_shares([current])[0], _shares(old), wanted, surge, unavailable)
        return self._scaled(deployment, sets, sizes)

    def _old_pods(self, deployment: Json, new_uid: str) -> bool:
        """Whether a pod of an older template still runs or ends."""
        sets = {one["metadata"]["uid"] for one in owned(self._objects, deployment, REPLICA_SETS)} - {new_uid}
        pods = self._objects.select(PODS, deployment["metadata"]["namespace"])
        return any((controller_of(pod) or {}).get("uid") in sets and not is_finished(pod) for pod in pods)

    def _was_scaled(self, deployment: Json, sets: list[Json]) -> bool:
        wanted = str(deployment["spec"]["replicas"])
        annotations = [one["metadata"].get("annotations") or {} for one in sets if one["spec"]["replicas"]]
        return any(_DESIRED in one and one[_DESIRED] != wanted for one in annotations)

    def _scale_all(self, deployment: Json, new: Json | None, sets: list[Json]) -> list[Json]:
        wanted = deployment["spec"]["replicas"]
        active = [one for one in sets if one["spec"]["replicas"]]
        if len(active) <= 1:
            chosen = active[0] if active else new
            sizes = {chosen["metadata"]["name"]: wanted} if chosen is not None else {}
        else:
            sizes = proportional(_shares(active), wanted, limits_of(deployment)[0])
        return self._scaled(deployment, sets, sizes)

    def _scaled(self, deployment: Json, sets: list[Json], sizes: Mapping[str, int]) -> list[Json]:
        for one in sets:
            name, before = one["metadata"]["name"], one["spec"]["replicas"]
            size = sizes.get(name, before)
            annotations = {**(one["metadata"].get("annotations") or {}), **_sizes(deployment)}
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

    def _told(self, deployment: Json, reason: str, message: str) -> Json:
        """Write the condition that a rollout has begun: from now on its deadline runs."""
        meta, now = deployment["metadata"], self._objects.now()

        def edit(one: Json) -> None:
            status = one.setdefault("status", {})
            known = status.get("conditions") or []
            status["conditions"] = with_condition(known, "Progressing", "True", reason, message, now)

        return self._objects.change(DEPLOYMENTS, meta["namespace"], meta["name"], edit, part=Part.STATUS)

    def _prune(self, deployment: Json, old: list[Json]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit")
        idle = [one for one in old if not one["spec"]["replicas"] and not (one.get("status") or {}).get("replicas")
                and "deletionTimestamp" not in one["metadata"]]  # fmt: skip
        if limit is None or len(old) <= limit:
            return
        for one in sorted(idle, key=_revision)[: len(old) - limit]:
            meta = one["metadata"]
            self._objects.delete(REPLICA_SETS, meta["namespace"], meta["name"], DeleteOptions(uid=meta["uid"]))

    def _report(self, deployment: Json, new: Json | None, sets: list[Json]) -> float | None:
        now = self._objects.now()
        status = counts(deployment, new, sets)
        conditions = conditions_of(deployment, new, status, now)
        if conditions:
            status["conditions"] = conditions
        if status != deployment.get("status"):
            meta = {**deployment["metadata"], "resourceVersion": ""}
            self._objects.update(DEPLOYMENTS, {**deployment, "metadata": meta, "status": status}, part=Part.STATUS)
        return deadline_in(deployment, conditions, now)

    def _deployment_of(self, pod: Json) -> Iterable[Key]:
        """A pod's end may let a Recreate go on."""
        controller = controller_of(pod)
        if controller is None or controller["kind"] != "ReplicaSet":
            return
        found = self._objects.find(REPLICA_SETS, pod["metadata"]["namespace"], controller["name"])
        if found is not None:
            yield from owner_or_matching_keys(self._objects, found, DEPLOYMENTS)


def _read_again(objects: Objects, sets: Iterable[Json]) -> list[Json]:
    places = dict.fromkeys((one["metadata"]["namespace"], one["metadata"]["name"]) for one in sets)
    found = [objects.find(REPLICA_SETS, *place) for place in places]
    return sorted((one for one in found if one is not None), key=_age_rank)


def _age_rank(replica_set: Json) -> tuple[str, int]:
    return replica_set["metadata"]["creationTimestamp"], _revision(replica_set)


def _revision(replica_set: Json) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def _copied(deployment: Json) -> Json:
    annotations = deployment["metadata"].get("annotations") or {}
    return {name: text for name, text in annotations.items() if name not in _NOT_COPIED}


def _sizes(deployment: Json) -> Json:
    wanted = deployment["spec"]["replicas"]
    return {_DESIRED: str(wanted), _MOST: str(wanted + limits_of(deployment)[0])}


def _shares(sets: Iterable[Json]) -> list[Share]:
    return [
        Share(
            one["metadata"]["name"],
            one["spec"]["replicas"],
            (one.get("status") or {}).get("availableReplicas", 0),
            int((one["metadata"].get("annotations") or {}).get(_MOST, "0")),
        )
        for one in sets
    ]
