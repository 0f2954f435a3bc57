"""The revision that holds the stable template, deleted: `kubectl rollout undo` has nothing to go back to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ObstacleError
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadKind

_WAIT_SECONDS = 20.0  # a revision's own counts follow its pods
_PAUSE_SECONDS = 0.1


class RevisionPruned:
    """The `Obstacle` of a ReplicaSet or ControllerRevision that is gone. The workload's controller makes it anew as
    soon as the stable template is back: what the restore does anyway takes this obstacle away."""

    name = ObstacleKind.REVISION_PRUNED.value

    def __init__(self, api: Api, target: FoundTarget) -> None:
        self._api, self._target = api, target
        self._revision = ""

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """See that the revision of the stable template is known and there."""
        if scene.revision is None:
            return ObstacleLook(
                Status.FAIL,
                f"no revision of {self._target.label} is known to hold the stable template: there is none to delete",
                "a drill of this obstacle needs a workload whose current revision can be seen",
            )
        self._revision = scene.revision.partition("/")[2]
        if self._read() is None:
            return ObstacleLook(Status.FAIL, f"{scene.revision} is not there", "look at `kubectl rollout history`")
        return ObstacleLook(Status.PASS, f"{scene.revision} holds the stable template")

    def put(self) -> str:
        """Delete it once it has no pods; ObstacleError when it keeps some."""
        deadline, problem = time.monotonic() + _WAIT_SECONDS, ""
        while True:
            revision = self._read()
            if revision is None:
                return f"{self._revision}, which held the stable template, is deleted"
            problem = self._in_use(revision)
            if not problem:
                self._delete(revision)
                continue
            if time.monotonic() >= deadline:
                raise ObstacleError(
                    f"revision {self._revision} is not deleted: {problem}", "drill it with a release that rolls out"
                )
            time.sleep(_PAUSE_SECONDS)

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing: what was deleted is made anew by its controller."""

    def take_away(self) -> str | None:
        """Nothing: the controller makes it anew for the stable template."""
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return nothing: the revisions that are left are among the manifests."""
        return ()

    def _delete(self, revision: Json) -> None:
        meta = revision["metadata"]
        try:
            self._api.delete(f"{self._target.revisions}/{meta['name']}", meta["uid"], meta["resourceVersion"])
        except AnswerError as error:
            if error.status not in {404, 409}:  # 409: it has changed since, and is looked at anew
                raise

    def _read(self) -> Json | None:
        items = self._api.items(self._target.revisions, self._target.selector)
        return next((one for one in items if one["metadata"]["name"] == self._revision), None)

    def _in_use(self, revision: Json) -> str:
        """Why it cannot be deleted yet, or ""."""
        if self._target.kind is WorkloadKind.STATEFULSET:
            status: Any = self._api.get(self._target.path).get("status") or {}
            current = {status.get("currentRevision"), status.get("updateRevision")}
            return "it is the workload's current revision" if self._revision in current else ""
        replicas = max(revision["spec"].get("replicas") or 0, (revision.get("status") or {}).get("replicas") or 0)
        return f"it still has {replicas} replicas" if replicas else ""
