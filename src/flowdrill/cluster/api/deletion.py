"""How objects go: grace, finalizers, and what becomes of what they own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flowdrill.cluster.api.decoding import mismatch
from flowdrill.cluster.api.resource_types import NAMESPACES, PODS, Json, ResourceType
from flowdrill.cluster.api.schemas import DELETE_OPTIONS
from flowdrill.cluster.api.status_error import bad_request, conflict

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"  # held for as long as a pod uses the claim
_LONGEST_GRACE = 1 << 31  # seconds; a date must be able to say it
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class Propagation(StrEnum):
    """What becomes of the objects an object owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. None: as the resource does by default."""

    grace_seconds: int | None = None
    propagation: Propagation | None = None
    uid: str | None = None  # preconditions
    resource_version: str | None = None
    dry_run: bool = False


def delete_options_in(given: Json) -> DeleteOptions:
    """Return what a DeleteOptions object says; StatusError 400."""
    malformed = mismatch(DELETE_OPTIONS, given)
    if malformed is not None:
        raise bad_request(f"DeleteOptions cannot be handled as a DeleteOptions: json: {malformed}")
    conditions, dry_run = given.get("preconditions") or {}, given.get("dryRun") or []
    wanted = "Orphan" if given.get("orphanDependents") else given.get("propagationPolicy")
    if wanted not in (None, "", *Propagation):
        raise bad_request(f'propagationPolicy: Unsupported value: "{wanted}"')
    if dry_run not in ([], ["All"]):
        raise bad_request(f'dryRun: Unsupported value: {str(dry_run)[:40]}: supported values: "All"')
    return DeleteOptions(
        grace_seconds=given.get("gracePeriodSeconds"),
        propagation=Propagation(wanted) if wanted else None,
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        dry_run=bool(dry_run),
    )


def check_preconditions(resource: ResourceType, current: Json, options: DeleteOptions) -> None:
    """StatusError 409 when the object is not exactly the one that was meant."""
    meta = current["metadata"]
    for name, wanted, actual in (
        ("UID", options.uid, meta["uid"]),
        ("ResourceVersion", options.resource_version, meta["resourceVersion"]),
    ):
        if wanted is not None and wanted != actual:
            why = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {actual}"
            raise conflict(resource, meta["name"], why)


def mark_deleted(resource: ResourceType, value: Json, options: DeleteOptions, now: datetime) -> bool:
    """Change a copy of an object to what its deletion begins with; return whether it must stay for now."""
    meta = value["metadata"]
    finalizers = [one for one in meta.get("finalizers") or () if one not in (FOREGROUND, ORPHAN)]
    if options.propagation is Propagation.FOREGROUND:
        finalizers.append(FOREGROUND)
    elif options.propagation is Propagation.ORPHAN:
        finalizers.append(ORPHAN)
    elif options.propagation is None:
        finalizers = list(meta.get("finalizers") or ())
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    grace = _grace_seconds(resource, value, options)
    known = meta.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in meta or (known is not None and grace < known):
        meta["deletionTimestamp"] = (now + timedelta(seconds=grace)).strftime(TIME_FORMAT)
        meta["deletionGracePeriodSeconds"] = grace if known is None else min(grace, known)
    if resource == NAMESPACES:
        value.setdefault("status", {})["phase"] = "Terminating"
        meta.pop("deletionGracePeriodSeconds", None)
        return bool(finalizers or (value.get("spec") or {}).get("finalizers"))
    return bool(finalizers) or meta["deletionGracePeriodSeconds"] > 0


def may_go(resource: ResourceType, value: Json) -> bool:
    """Return whether an object that is being deleted has nothing left to wait for."""
    meta = value["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers"):
        return False
    if resource == NAMESPACES:
        return not (value.get("spec") or {}).get("finalizers")
    return not meta.get("deletionGracePeriodSeconds")


def _grace_seconds(resource: ResourceType, value: Json, options: DeleteOptions) -> int:
    if resource != PODS:
        return 0
    spec, phase = value.get("spec") or {}, (value.get("status") or {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    wanted = options.grace_seconds
    return min(max(0, spec.get("terminationGracePeriodSeconds", 30) if wanted is None else wanted), _LONGEST_GRACE)
