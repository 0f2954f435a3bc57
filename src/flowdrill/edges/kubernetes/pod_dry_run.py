"""Would the cluster have a pod of the workload's template? A server-side dry run: it meets the quotas, limit ranges,
admission webhooks and Pod Security that a patch of the workload does not meet, since they look at pods."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.opponents import turnover_of
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ForbiddenError
from flowdrill.model.container_fields import Fields, with_fields
from flowdrill.model.workload import WorkloadKind

_NO_DRY_RUN = "does not support dry run"  # what the API server says of a webhook with side effects
_QUOTA = "exceeded quota"


def try_pod(api: Api, target: FoundTarget, image: str, fields: Fields) -> str | None:
    """Return why it could not be looked at, or None; AnswerError when the cluster would not have the pod."""
    workload = api.get(target.path)
    try:
        api.create(target.core("pods"), _pod(workload, target, image, fields), dry_run=True)
    except ForbiddenError as error:
        return error.problem
    except AnswerError as error:
        if error.status == 400 and _NO_DRY_RUN in error.problem:
            return error.problem
        if _QUOTA in error.problem and turnover_of(target.kind, workload).removed_first:
            return f"{error.problem} (its rollout may take a pod away first, which may leave room enough)"
        raise
    return None


def _pod(workload: Json, target: FoundTarget, image: str, fields: Fields) -> Json:
    """A pod as the controller would make it, without an owner: nobody adopts what is never there."""
    template = workload["spec"]["template"]
    meta = template.get("metadata") or {}
    spec = {**template["spec"], "containers": [_with(one, target, image, fields) for one in _containers(template)]}
    if target.kind is WorkloadKind.STATEFULSET:
        spec["volumes"] = [*(spec.get("volumes") or ()), *_claimed(workload, target)]
    kept = {key: meta[key] for key in ("labels", "annotations") if meta.get(key)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**kept, "generateName": f"{target.name}-", "namespace": target.namespace},
        "spec": spec,
    }


def _containers(template: Json) -> list[Json]:
    return list(template["spec"]["containers"])


def _with(container: Json, target: FoundTarget, image: str, fields: Fields) -> Json:
    if container.get("name") != target.container:
        return container
    return with_fields(container, {**fields, "image": image})


def _claimed(workload: Json, target: FoundTarget) -> list[Json]:
    """The volumes that a StatefulSet's controller adds to its first pod."""
    names = [str(one["metadata"]["name"]) for one in workload["spec"].get("volumeClaimTemplates") or ()]
    return [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{target.name}-0"}} for name in names]
