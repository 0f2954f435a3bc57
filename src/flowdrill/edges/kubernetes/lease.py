"""The lock: a Lease beside the workload that says which run holds it, and how to undo what that run did."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import DrillRefusedError
from flowdrill.model.undo import Undo

UNDO = "flowdrill.dev/undo"
_TRIES = 3
_OBJECT = re.compile(r"(configmap|deployment|statefulset)/[a-z0-9][-a-z0-9.]*")
_RUN_ID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]*")


def take_lease(api: Api, target: FoundTarget, undo: Undo) -> str:
    """Create the Lease and return `lease/NAME`; DrillRefusedError when another run holds it."""
    name = lease_name(target)
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "flowdrill"},
            "annotations": {UNDO: json.dumps(asdict(undo), sort_keys=True)},
        },
        "spec": {
            "holderIdentity": undo.run_id,
            "acquireTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
    for attempt in range(_TRIES):
        try:
            api.create(_leases(target), lease)
        except (AnswerError, UnreachableError) as error:
            lost = isinstance(error, UnreachableError)  # then the Lease may have been made all the same
            if attempt == _TRIES - 1 or not (lost or (isinstance(error, AnswerError) and error.status == 409)):
                raise
        else:
            break
        held = _read(api, target)
        if held is not None and _holder(held) != undo.run_id:
            raise _refused(target, held)
        if held is not None:
            break
    return f"lease/{name}"


def give_back_lease(api: Api, target: FoundTarget, run_id: str) -> None:
    """Delete the Lease when this run holds it, and never anybody else's."""
    for attempt in range(_TRIES):
        held = _read(api, target)
        if held is None or _holder(held) != run_id:
            return
        meta = held["metadata"]
        try:
            api.delete(f"{_leases(target)}/{meta['name']}", meta["uid"], meta["resourceVersion"])
        except (AnswerError, UnreachableError) as error:
            lost = isinstance(error, UnreachableError)
            if attempt == _TRIES - 1 or not (lost or (isinstance(error, AnswerError) and error.status in {404, 409})):
                raise
        else:
            return


def lease_name(target: FoundTarget) -> str:
    """Return the name of the workload's Lease."""
    return f"flowdrill-{target.kind}-{target.name}"


def _leases(target: FoundTarget) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{target.namespace}/leases"


def _read(api: Api, target: FoundTarget) -> Json | None:
    try:
        return api.get(f"{_leases(target)}/{lease_name(target)}")
    except AnswerError as error:
        if error.status == 404:
            return None
        raise


def _holder(lease: Json) -> str | None:
    holder = (lease.get("spec") or {}).get("holderIdentity")
    return None if holder is None else str(holder)


def _refused(target: FoundTarget, lease: Json) -> DrillRefusedError:
    since = printable(str((lease.get("spec") or {}).get("acquireTime") or "an unknown time"))
    undo = _undo(lease)
    by_hand = _by_hand(target, undo)
    put_back = (
        f"put the release back with `{printable(by_hand)}`"
        if by_hand is not None
        else "see that the workload runs the image it should"
    )
    return DrillRefusedError(
        f"a drill is already running on {target.label} in namespace {target.namespace}: "
        f"run {printable(str(_holder(lease)))} on host {printable(str(undo.get('host') or 'unknown'))} since {since}",
        f"wait until it has ended; if that drill is dead, {put_back} "
        f"and then `kubectl -n {target.namespace} delete lease {lease_name(target)}`",
    )


def _by_hand(target: FoundTarget, undo: Json) -> str | None:
    """The commands that undo what the annotation tells, as far as it tells it in the right shape."""
    image, beside, fields = undo.get("image"), undo.get("beside"), undo.get("fields")
    recovery = undo.get("recovery_image")
    if not isinstance(image, str):
        return None
    return Undo(
        run_id=str(undo.get("run_id")),
        workload=target.label,
        namespace=target.namespace,
        container=target.container,
        image=image,
        change_cause=None,
        host="",
        fields=fields if isinstance(fields, dict) else {},
        beside=_patches(beside),
        recovery_image=recovery if isinstance(recovery, str) else None,
        started=_started(undo.get("run_id"), undo.get("started")),
    ).by_hand()


def _started(run_id: object, workload: object) -> str | None:
    """What a run has started, where both are in the right shape."""
    if not isinstance(run_id, str) or not isinstance(workload, str):
        return None
    fits = _RUN_ID.fullmatch(run_id) and _OBJECT.fullmatch(workload) and workload.startswith("deployment/")
    return workload if fits else None


def _patches(beside: object) -> dict[str, Json]:
    """The patches of objects that a command may name."""
    if not isinstance(beside, dict):
        return {}
    return {name: patch for name, patch in beside.items() if _OBJECT.fullmatch(name) and isinstance(patch, dict)}


def _undo(lease: Json) -> Json:
    """What the annotation says, which anybody may have written."""
    try:
        undo = json.loads((lease["metadata"].get("annotations") or {})[UNDO])
    except (KeyError, TypeError, ValueError):
        return {}
    return undo if isinstance(undo, dict) else {}
