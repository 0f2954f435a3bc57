"""The revisions a workload keeps for `rollout undo`, and the pods its controller would wait for for ever."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.snapshot import image_of, is_owned_by, is_ready
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ClusterError
from flowdrill.model.json_shapes import as_mappings, inside
from flowdrill.model.workload import WorkloadKind

_REVISION = "deployment.kubernetes.io/revision"
_TRIES = 3


def delete_revisions(api: Api, target: FoundTarget, image: str) -> tuple[str, ...]:
    """Delete the workload's revisions that hold `image`; return those that are left, each with the reason."""
    left: tuple[str, ...] = ()
    for _ in range(_TRIES):
        workload, revisions = api.get(target.path), api.items(target.revisions, target.selector)
        holding = [one for one in revisions if is_owned_by(one, {target.uid}) and _image(one, target) == image]
        results = [_delete(api, target, workload, one) for one in holding]
        left = tuple(reason for reason, _ in results if reason)
        if not any(changed_meanwhile for _, changed_meanwhile in results):
            break
    return left


def delete_revision(api: Api, target: FoundTarget, name: str) -> str | None:
    """Delete the workload's revision of this name; return why it is left, or None when it is gone."""
    for _ in range(_TRIES):
        workload, revisions = api.get(target.path), api.items(target.revisions, target.selector)
        named = [one for one in revisions if is_owned_by(one, {target.uid}) and one["metadata"]["name"] == name]
        if not named:
            return None
        left, changed_meanwhile = _delete(api, target, workload, named[0])
        if not changed_meanwhile:
            break
    return left


def delete_stuck_pods(api: Api, target: FoundTarget, image: str) -> tuple[str, ...]:
    """Delete the StatefulSet's pods that run `image` and are not ready; return their names.

    With ordered pods the controller waits for a broken pod to become ready before it replaces it, even when the
    template has been mended (kubernetes issue 67250)."""
    if target.kind is not WorkloadKind.STATEFULSET:
        return ()
    deleted = []
    for pod in api.items(target.core("pods"), target.selector):
        meta = pod["metadata"]
        stuck = is_owned_by(pod, {target.uid}) and not is_ready(pod) and "deletionTimestamp" not in meta
        if not stuck or image_of(pod["spec"]["containers"], target.container) != image:
            continue
        if delete_pod(api, target, meta["name"], meta["uid"]):
            deleted.append(str(meta["name"]))
    return tuple(deleted)


def delete_pod(api: Api, target: FoundTarget, name: str, uid: str) -> bool:
    """Delete one pod of the workload; False when it is gone, or another one has its name."""
    try:
        api.delete(f"{target.core('pods')}/{name}", uid)
    except AnswerError as error:
        if error.status not in {404, 409}:
            raise
        return False
    return True


def _delete(api: Api, target: FoundTarget, workload: Json, revision: Json) -> tuple[str | None, bool]:
    """Why the revision is left, if it is, and whether it changed meanwhile: then it must be judged anew."""
    meta = revision["metadata"]
    name = f"{target.revisions.rpartition('/')[2].removesuffix('s')}/{meta['name']}"
    in_use = _in_use(target, workload, revision)
    if in_use:
        return f"{name}: {in_use}", False
    try:
        api.delete(f"{target.revisions}/{meta['name']}", meta["uid"], meta["resourceVersion"])
    except AnswerError as error:
        if error.status == 404:
            return None, False
        return f"{name}: {error.problem}", error.status == 409
    except ClusterError as error:
        return f"{name}: {error.problem}", False
    return None, False


def _in_use(target: FoundTarget, workload: Json, revision: Json) -> str | None:
    meta, status = revision["metadata"], workload.get("status") or {}
    if target.kind is WorkloadKind.STATEFULSET:
        current = {status.get("currentRevision"), status.get("updateRevision")}
        return "it is the workload's current revision" if meta["name"] in current else None
    number = (meta.get("annotations") or {}).get(_REVISION)
    if number is not None and number == (workload["metadata"].get("annotations") or {}).get(_REVISION):
        return "it is the workload's current revision"
    replicas = max(revision["spec"].get("replicas") or 0, (revision.get("status") or {}).get("replicas") or 0)
    return f"it still has {replicas} replicas" if replicas else None


def _image(revision: Json, target: FoundTarget) -> str | None:
    """The image of the target container in a ReplicaSet's template, or in a ControllerRevision's patch."""
    holder = inside(revision, "spec") or inside(revision, "data", "spec")
    return image_of(as_mappings(inside(holder, "template", "spec").get("containers")), target.container)
