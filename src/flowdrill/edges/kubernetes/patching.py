"""What a drill changes: the image of one container, what a release changes beside it, and why it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.snapshot import CHANGE_CAUSE
from flowdrill.edges.kubernetes.target import FoundTarget, workloads_path
from flowdrill.model.release import Fields, container_patch
from flowdrill.model.workload import WorkloadKind

FIELD_MANAGER = "flowdrill"


def patch_container(
    api: Api, target: FoundTarget, image: str, change_cause: str | None, *, fields: Fields, dry_run: bool
) -> None:
    """Set the container's image, other fields of it (whole; None removes one) and the change-cause annotation (None
    removes it); `dry_run` has the API server check everything and keep nothing. Sent again while the server is busy or
    gone, which is harmless: it sets values."""
    body = {
        "metadata": {"annotations": {CHANGE_CAUSE: change_cause}},
        **container_patch(target.container, image, fields),
    }
    api.patch(target.path, body, _query(dry_run=dry_run))


def patch_beside(api: Api, target: FoundTarget, object_name: str, patch: Mapping[str, Any], *, dry_run: bool) -> None:
    """Set values of another object of the target's namespace: configmap/NAME, deployment/NAME or statefulset/NAME."""
    kind, _, name = object_name.partition("/")
    within = target.core("configmaps")
    if kind != "configmap":
        within = workloads_path(target.namespace, WorkloadKind(kind))
    api.patch(f"{within}/{name}", dict(patch), _query(dry_run=dry_run))


def _query(*, dry_run: bool) -> list[tuple[str, str]]:
    return [("fieldManager", FIELD_MANAGER), *([("dryRun", "All")] if dry_run else [])]
