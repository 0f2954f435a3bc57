"""What a Deployment's ReplicaSets say about it: the revision they are, and the sizes they were last given. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.deployment_status import limits_of
from flowdrill.cluster.controllers.owning import reference_to
from flowdrill.cluster.controllers.rollout import Share, next_shares
from flowdrill.cluster.controllers.templates import HASH_LABEL, hash_of

_PREFIX = "deployment.kubernetes.io/"
REVISION, _HISTORY = f"{_PREFIX}revision", f"{_PREFIX}revision-history"
_DESIRED, _MOST = f"{_PREFIX}desired-replicas", f"{_PREFIX}max-replicas"
_LONGEST_HISTORY = 2000  # characters; the oldest revisions are forgotten first
_NOT_COPIED = frozenset({
    "kubectl.kubernetes.io/last-applied-configuration", REVISION, _HISTORY, _DESIRED, _MOST,
    "deprecated.deployment.rollback.to",
})  # fmt: skip


def annotations_of(value: Json) -> Json:
    """Return an object's annotations."""
    found: Json = value["metadata"].get("annotations") or {}
    return found


def revision_of(replica_set: Json) -> int:
    """Return the number of a ReplicaSet's revision, 0 for one that has none."""
    return _number(annotations_of(replica_set).get(REVISION))


def size_annotations(deployment: Json) -> Json:
    """Return the annotations that say for which size of the Deployment a ReplicaSet was scaled."""
    wanted = deployment["spec"]["replicas"]
    return {_DESIRED: str(wanted), _MOST: str(wanted + limits_of(deployment)[0])}


def was_scaled(deployment: Json, sets: Iterable[Json]) -> bool:
    """Return whether the Deployment's size has changed since its ReplicaSets were scaled."""
    known = [annotations_of(one).get(_DESIRED) for one in sets if one["spec"]["replicas"]]
    return any(one is not None and one != size_annotations(deployment)[_DESIRED] for one in known)


def shares(sets: Iterable[Json]) -> list[Share]:
    """Return what the arithmetic of a rollout needs to know of ReplicaSets."""
    return [
        Share(
            one["metadata"]["name"],
            one["spec"]["replicas"],
            (one.get("status") or {}).get("availableReplicas", 0),
            _number(annotations_of(one).get(_MOST)),
        )
        for one in sets
    ]


def is_saturated(deployment: Json, replica_set: Json) -> bool:
    """Return whether a ReplicaSet alone is all that the Deployment wants."""
    (share,) = shares([replica_set])
    wanted = deployment["spec"]["replicas"]
    return share.replicas == share.available == wanted and not was_scaled(deployment, [replica_set])


def new_replica_set(deployment: Json, sets: Sequence[Json], revision: int) -> Json:
    """Return the ReplicaSet of the present template, as large as it may be beside the others."""
    meta, spec = deployment["metadata"], deployment["spec"]
    hashed = hash_of(spec["template"], (deployment.get("status") or {}).get("collisionCount"))
    template, selector = copy.deepcopy(spec["template"]), copy.deepcopy(spec["selector"])
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH_LABEL: hashed}
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: hashed}
    first = spec["replicas"]
    if spec["strategy"]["type"] == "RollingUpdate":
        first = next_shares(Share("", 0, 0), shares(sets), first, *limits_of(deployment)).get("", 0)
    ready = {"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}
    return {
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{hashed}", "namespace": meta["namespace"],
            "labels": dict(template["metadata"]["labels"]), "ownerReferences": [reference_to(deployment)],
            "annotations": {**_copied(deployment), REVISION: str(revision), **size_annotations(deployment)},
        },
        "spec": {"replicas": first, "selector": selector, "template": template, **ready},
    }  # fmt: skip


def brought_up_to_date(deployment: Json, replica_set: Json, revision: int) -> None:
    """Change a copy of the ReplicaSet of the present template to what the Deployment says now. It gets the revision
    when that is newer than its own, which it then remembers."""
    meta, before = replica_set["metadata"], revision_of(replica_set)
    annotations = {**(meta.get("annotations") or {}), **_copied(deployment)}
    if before < revision:
        annotations[REVISION] = str(revision)
        if before:
            annotations[_HISTORY] = _longer(annotations.get(_HISTORY) or "", before)
    meta["annotations"] = annotations
    replica_set["spec"].pop("minReadySeconds", None)
    if deployment["spec"].get("minReadySeconds"):
        replica_set["spec"]["minReadySeconds"] = deployment["spec"]["minReadySeconds"]


def _longer(history: str, revision: int) -> str:
    parts = [*(part for part in history.split(",") if part), str(revision)]
    while len(",".join(parts)) > _LONGEST_HISTORY:
        parts = parts[1:]
    return ",".join(parts)


def _copied(deployment: Json) -> Json:
    return {name: text for name, text in annotations_of(deployment).items() if name not in _NOT_COPIED}


def _number(text: object) -> int:
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 18
    return int(str(text)) if is_number else 0
