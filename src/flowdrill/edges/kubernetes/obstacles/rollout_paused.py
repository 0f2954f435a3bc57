"""A paused Deployment: it takes every patch, and rolls nothing out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.patching import FIELD_MANAGER
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ObstacleError
from flowdrill.model.json_shapes import inside
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.status import Status

_MANAGER = (("fieldManager", FIELD_MANAGER),)


class RolloutPaused:
    """The `Obstacle` of a Deployment whose rollout is paused. Preflight has seen that it is not paused before."""

    name = ObstacleKind.ROLLOUT_PAUSED.value

    def __init__(self, api: Api, target: FoundTarget) -> None:
        self._api, self._target = api, target
        self._theirs = False

    def look(self, scene: ObstacleScene) -> ObstacleLook:  # noqa: ARG002
        """Try the patch as a dry run."""
        self._api.patch(self._target.path, _paused(True), (*_MANAGER, ("dryRun", "All")))
        body = '{"spec":{"paused":false}}'
        undo = ["kubectl", "-n", self._target.namespace, "patch", self._target.label, "-p", body]
        return ObstacleLook(
            Status.PASS, "the API server accepts the pause (server-side dry run)", "", (shlex.join(undo),)
        )

    def put(self) -> str:
        """Pause it."""
        if self._is_paused():
            self._theirs = True
            raise ObstacleError("somebody else has paused the rollout since preflight", "drill when nobody is at work")
        self._api.patch(self._target.path, _paused(True), _MANAGER)
        return f"{self._target.label}: spec.paused is true"

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing: the workload itself says whether it is paused."""

    def take_away(self) -> str | None:
        """Resume it, and look again. What somebody else has paused stays so."""
        if self._theirs:
            return None
        self._api.patch(self._target.path, _paused(None), _MANAGER)
        return "it is paused again: somebody else does it" if self._is_paused() else None

    def _is_paused(self) -> bool:
        return inside(self._api.get(self._target.path), "spec").get("paused") is True

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return nothing: the workload's manifest shows it."""
        return ()


def _paused(value: bool | None) -> Json:
    return {"spec": {"paused": value}}
