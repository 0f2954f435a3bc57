"""The claims of a StatefulSet's pods: made from its templates, and kept when the pods or the set go."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS, STATEFUL_SETS, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.events import EventRecorder


def make_claims(objects: Objects, events: EventRecorder, found: Json, number: int) -> None:
    """Make the claims of a set's pod that are not there. StatusError for one that is refused; an event says so."""
    meta = found["metadata"]
    pod = f"{meta['name']}-{number}"
    for template in _templates(found):
        name = _claim_name(found, template, number)
        if objects.find(PERSISTENT_VOLUME_CLAIMS, meta["namespace"], name) is not None:
            continue
        try:
            objects.create(PERSISTENT_VOLUME_CLAIMS, _claim(found, template, name))
        except StatusError as error:
            text = f"create Claim {name} for Pod {pod} in StatefulSet {meta['name']} failed error: {error.message}"
            events.record(found, "Warning", "FailedCreate", text)
            raise
        text = f"create Claim {name} Pod {pod} in StatefulSet {meta['name']} success"
        events.record(found, "Normal", "SuccessfulCreate", text)


def mount_claims(pod: Json, found: Json, number: int) -> None:
    """Let a set's new pod mount its claims, in place of volumes with the same names."""
    own = [
        {"name": name, "persistentVolumeClaim": {"claimName": _claim_name(found, template, number)}}
        for template in _templates(found)
        if (name := _name(template))
    ]
    names = {one["name"] for one in own}
    others = [one for one in pod["spec"].get("volumes") or () if one.get("name") not in names]
    if own:
        pod["spec"]["volumes"] = [*own, *others]


def set_keys(objects: Objects, claim: Json) -> Iterable[Key]:
    """Return the keys of the sets whose pod the claim may be for."""
    meta = claim["metadata"]
    for one in objects.select(STATEFUL_SETS, meta["namespace"]):
        if _templates(one) and f"-{one['metadata']['name']}-" in meta["name"]:
            yield (meta["namespace"], one["metadata"]["name"])


def _claim(found: Json, template: Json, name: str) -> Json:
    given = template.get("metadata") or {}
    kept = {part: copy.deepcopy(given[part]) for part in ("annotations", "finalizers") if given.get(part)}
    labels = {**(given.get("labels") or {}), **((found["spec"].get("selector") or {}).get("matchLabels") or {})}
    meta = {**kept, "name": name, "namespace": found["metadata"]["namespace"], "labels": labels}
    spec = copy.deepcopy(template.get("spec") or {})
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def _claim_name(found: Json, template: Json, number: int) -> str:
    return f"{_name(template)}-{found['metadata']['name']}-{number}"


def _name(template: Json) -> str:
    return str((template.get("metadata") or {}).get("name") or "")


def _templates(found: Json) -> list[Json]:
    return found["spec"].get("volumeClaimTemplates") or []
