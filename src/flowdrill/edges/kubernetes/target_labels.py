"""Reads the labels by which a team allows drills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ForbiddenError
from flowdrill.model.json_shapes import as_mapping, inside
from flowdrill.model.target_labels import TargetLabels


def labels_of(api: Api, target: FoundTarget) -> TargetLabels:
    """Return what the workload and its namespace bear now. A namespace that may not be read is unknown."""
    workload = _labels(api.get(target.path))
    try:
        return TargetLabels(workload, _labels(api.get(f"/api/v1/namespaces/{target.namespace}")))
    except ForbiddenError as error:
        return TargetLabels(workload, None, unread=error.problem)


def _labels(item: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in as_mapping(inside(item, "metadata").get("labels")).items()}
