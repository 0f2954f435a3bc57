"""PersistentVolumeClaims: bound at once, and kept until no pod uses them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flowdrill.cluster.api.deletion import CLAIM_PROTECTION
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS, PODS, Json, ResourceType
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.events import EventRecorder


class ClaimController:
    """Does for claims what a provisioner that binds immediately does, and what holds a claim that is in use."""

    name = "persistent-volume-claims"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._events = EventRecorder(objects, "persistentvolume-controller")
        self.watches: Mapping[ResourceType, Callable[[Json], Iterable[Key]]] = {
            PERSISTENT_VOLUME_CLAIMS: own_key,
            PODS: lambda pod: [(pod["metadata"]["namespace"], name) for name in claim_names(pod)],
        }

    def sync(self, key: Key) -> None:
        """Bind a claim; let one go that is being deleted and that no pod uses."""
        claim = self._objects.find(PERSISTENT_VOLUME_CLAIMS, *key)
        if claim is None:
            return
        if "deletionTimestamp" in claim["metadata"]:
            if CLAIM_PROTECTION in _finalizers(claim) and not self._is_used(claim):
                self._objects.change(PERSISTENT_VOLUME_CLAIMS, *key, _unprotect)
            return
        if CLAIM_PROTECTION not in _finalizers(claim):
            claim = self._objects.change(PERSISTENT_VOLUME_CLAIMS, *key, _protect)
        volume = f"pvc-{claim['metadata']['uid']}"
        if not claim["spec"].get("volumeName"):
            claim = self._objects.change(
                PERSISTENT_VOLUME_CLAIMS, *key, lambda one: one["spec"].update(volumeName=volume)
            )
        elif claim["spec"]["volumeName"] != volume:
            text = "there are no PersistentVolumes in the embedded cluster: leave spec.volumeName out"
            self._events.record(claim, "Warning", "FailedBinding", text)
            return
        self._report(claim)

    def _report(self, claim: Json) -> None:
        status = {**(claim.get("status") or {}), "phase": "Bound", "accessModes": claim["spec"]["accessModes"]}
        status["capacity"] = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
        if status != claim.get("status"):
            meta = claim["metadata"]
            self._objects.change(
                PERSISTENT_VOLUME_CLAIMS, meta["namespace"], meta["name"], lambda one: one.update(status=status),
                part=Part.STATUS,
            )  # fmt: skip

    def _is_used(self, claim: Json) -> bool:
        """Whether a pod has it, even one that has ended. One without a node has to wait: it will find no claim."""
        meta = claim["metadata"]
        pods = self._objects.select(PODS, meta["namespace"])
        return any(pod["spec"].get("nodeName") and meta["name"] in claim_names(pod) for pod in pods)


def claim_names(pod: Json) -> list[str]:
    """Return the names of the claims that a pod's volumes name."""
    sources = (one.get("persistentVolumeClaim") for one in pod["spec"].get("volumes") or ())
    return [str(source["claimName"]) for source in sources if source and source.get("claimName")]


def missing_claim(objects: Objects, pod: Json) -> str | None:
    """Return why a pod cannot be given a node yet, as the scheduler says it: a claim that is not there or not bound."""
    for name in claim_names(pod):
        claim = objects.find(PERSISTENT_VOLUME_CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if "deletionTimestamp" in claim["metadata"]:
            return f'persistentvolumeclaim "{name}" is being deleted'
        if (claim.get("status") or {}).get("phase") != "Bound":
            return "pod has unbound immediate PersistentVolumeClaims"
    return None


def _finalizers(claim: Json) -> list[str]:
    return claim["metadata"].get("finalizers") or []


def _protect(claim: Json) -> None:
    claim["metadata"]["finalizers"] = [*_finalizers(claim), CLAIM_PROTECTION]


def _unprotect(claim: Json) -> None:
    claim["metadata"]["finalizers"] = [one for one in _finalizers(claim) if one != CLAIM_PROTECTION]
