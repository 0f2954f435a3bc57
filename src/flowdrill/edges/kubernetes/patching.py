"""What a drill changes: the image of one container, what a release changes beside it, and why it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.snapshot import CHANGE_CAUSE, image_of
from flowdrill.edges.kubernetes.target import FoundTarget, workloads_path
from flowdrill.errors import ClusterError, DrillRefusedError
from flowdrill.model.container_fields import Fields, container_patch
from flowdrill.model.run_label import run_label
from flowdrill.model.workload import WorkloadKind

FIELD_MANAGER = "flowdrill"
_MOST_LOOKS = 20
_RESTORING = "flowdrill.dev/restoring"


def patch_container(
    api: Api, target: FoundTarget, image: str, change_cause: str | None, *, fields: Fields, dry_run: bool
) -> Json:
    """Set the container's image, other `fields` of it and the change-cause annotation (None
    removes it); return the workload as it is then. `dry_run` has the API server check everything and keep nothing. Sent
    again while the server is busy or gone, which is harmless: it sets values."""
    body = {
        "metadata": {"annotations": {CHANGE_CAUSE: change_cause}},
        **container_patch(target.container, image, fields),
    }
    return api.patch(target.path, body, patch_query(dry_run=dry_run))


def patch_over(
    api: Api, target: FoundTarget, image: str, change_cause: str | None, *, fields: Fields, over: Mapping[str, Any]
) -> Json:
    """Do the same where the pod template is still `over`; DrillRefusedError when it is another one. The patch names the
    version that was looked at: the API server refuses one that arrives when the workload has changed since. A lost
    answer is found out by looking again."""
    asked = {
        "metadata": {"annotations": {CHANGE_CAUSE: change_cause}},
        **container_patch(target.container, image, fields),
    }
    for _ in range(_MOST_LOOKS):
        workload = api.get(target.path)
        template = workload["spec"]["template"]
        if image_of(template["spec"]["containers"], target.container) == image:
            return workload  # an answer was lost, and the patch was not
        if template != over:
            raise DrillRefusedError(
                f"{target.label} was changed since it was looked at: its pod template is another one",
                "drill when nobody deploys; nothing was broken",
            )
        meta = {**asked["metadata"], "resourceVersion": workload["metadata"]["resourceVersion"]}
        try:
            return api.patch(target.path, {**asked, "metadata": meta}, patch_query(dry_run=False))
        except AnswerError as error:
            if error.status != 409:
                raise
    raise ClusterError(
        f"{target.label} changes faster than it can be patched", "see who writes it: `kubectl get -w -o yaml`"
    )


def outdate(api: Api, target: FoundTarget, run_id: str) -> None:
    """Change the workload's resourceVersion: a label comes and goes, which says meanwhile who is at it. Labels are not
    copied to ReplicaSets, as annotations are."""
    for value in (run_label(run_id), None):
        body = {"metadata": {"labels": {_RESTORING: value}}}
        api.patch(target.path, body, patch_query(dry_run=False))


def patch_beside(api: Api, target: FoundTarget, object_name: str, patch: Mapping[str, Any], *, dry_run: bool) -> None:
    """Set values of another object of the target's namespace: configmap/NAME, deployment/NAME or statefulset/NAME."""
    kind, _, name = object_name.partition("/")
    within = target.core("configmaps")
    if kind != "configmap":
        within = workloads_path(target.namespace, WorkloadKind(kind))
    api.patch(f"{within}/{name}", dict(patch), patch_query(dry_run=dry_run))


def patch_query(*, dry_run: bool) -> list[tuple[str, str]]:
    """Return the query of every patch: by whom, and whether the API server keeps it."""
    return [("fieldManager", FIELD_MANAGER), *([("dryRun", "All")] if dry_run else [])]
