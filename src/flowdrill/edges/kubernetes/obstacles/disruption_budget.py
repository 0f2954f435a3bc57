"""A PodDisruptionBudget that allows no eviction. A rolling update does not evict, and does not meet it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.run_label import RUN_LABEL, run_label
from flowdrill.model.status import Status

_VERSIONS = ("v1", "v1beta1")  # v1 since Kubernetes 1.21, v1beta1 until 1.24


class NoEvictions:
    """The `Obstacle` of a budget with maxUnavailable 0 over the workload's pods. It bears the run's label, and nothing
    else is ever deleted."""

    name = ObstacleKind.DISRUPTION_BUDGET.value

    def __init__(self, api: Api, target: FoundTarget) -> None:
        self._api, self._target = api, target
        self._path, self._label = "", ""
        self._manifest: Json = {}

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Try to create it as a dry run."""
        version = self._served_version()
        self._know(version, f"{RUN_LABEL}={run_label(scene.run_id)}")
        self._manifest = {
            "apiVersion": f"policy/{version}",
            "kind": "PodDisruptionBudget",
            "metadata": {
                "name": f"flowdrill-{self._target.kind}-{self._target.name}",
                "labels": {RUN_LABEL: run_label(scene.run_id), "app.kubernetes.io/managed-by": "flowdrill"},
                "annotations": {RUN_LABEL: scene.run_id},
            },
            "spec": {"maxUnavailable": 0, "selector": self._api.get(self._target.path)["spec"]["selector"]},
        }
        self._api.create(self._path, self._manifest, dry_run=True)
        undo = ["kubectl", "-n", self._target.namespace, "delete", "poddisruptionbudget", "-l", self._label]
        return ObstacleLook(
            Status.PASS,
            "the API server would have the PodDisruptionBudget (server-side dry run)",
            "a rolling update does not evict pods, and does not meet it: only a way back that evicts does",
            (shlex.join(undo),),
            {"version": version, "label": self._label},
        )

    def put(self) -> str:
        """Create it."""
        try:
            self._api.create(self._path, self._manifest)
        except (AnswerError, UnreachableError):
            if not self._own():  # a lost answer: it may be there all the same
                raise
        return f"PodDisruptionBudget {self._manifest['metadata']['name']}: maxUnavailable is 0"

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know by which label it is found."""
        version, label = memory.get("version"), memory.get("label")
        if version not in _VERSIONS or not isinstance(label, str) or not label.startswith(f"{RUN_LABEL}="):
            raise ValueError(f"{memory!r} names no PodDisruptionBudget of a run")
        self._know(str(version), label)

    def take_away(self) -> str | None:
        """Delete it; return that it is there until it is seen to be gone."""
        for one in self._own():
            meta = one["metadata"]
            try:
                self._api.delete(f"{self._path}/{meta['name']}", meta["uid"])
            except AnswerError as error:
                if error.status not in {404, 409}:
                    raise
        left = [str(one["metadata"]["name"]) for one in self._own()]
        return f"PodDisruptionBudget {', '.join(left)} is still there" if left else None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return nothing more."""
        return ()

    def _know(self, version: str, label: str) -> None:
        self._label = label
        self._path = f"/apis/policy/{version}/namespaces/{self._target.namespace}/poddisruptionbudgets"

    def _own(self) -> list[Json]:
        return self._api.items(self._path, (("labelSelector", self._label),))

    def _served_version(self) -> str:
        served = {one["version"] for one in self._api.get("/apis/policy").get("versions") or ()}
        return next((one for one in _VERSIONS if one in served), _VERSIONS[0])
