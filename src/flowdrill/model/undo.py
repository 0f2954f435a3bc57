"""How to put a workload back: written down before anything is broken, and all that is needed for it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from flowdrill.model.container_fields import Fields, container_patch
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage
from flowdrill.model.obstacle import ObstacleUndo
from flowdrill.model.release import Beside, pods_read_at_start
from flowdrill.model.run_label import RUN_LABEL, run_label

DISGUISED_CAUSE = "new image"  # the change-cause of a broken release on a game day: it gives nothing away


@dataclass(frozen=True, slots=True)
class Undo:
    """All that is needed to put the workload back: by the harness, by its guard, by `flowdrill restore` on another
    machine, and by hand."""

    run_id: str
    workload: str  # deployment/NAME
    namespace: str
    container: str
    image: str  # as in the template before the drill
    change_cause: str | None
    host: str
    fields: Fields = field(default_factory=dict)  # of the container, as they were; None: it had none
    beside: Beside = field(default_factory=dict)  # what other objects held
    started: str | None = None  # deployment/NAME that the drill makes, with the run's label, and takes away again
    obstacles: tuple[ObstacleUndo, ...] = ()  # what the drill puts in the way, which is taken away first
    uid: str = ""  # the workload's: another one of its name is not the one that was drilled
    pinned: str = ""  # the image by digest
    digests: tuple[str, ...] = ()  # that pods of it run: its own, and its platforms' when it is an index's
    replicas: int | None = None
    revision_limit: int | None = None  # of the workload's history, which a drill may raise meanwhile
    pods: tuple[str, ...] = ()  # uids of the pods before the drill
    broken: BrokenImage | None = None  # what the drill makes, and deletes
    recovery: BrokenImage | None = None  # puts the data back, and is rolled out before `image`
    provider_image: BrokenImage | None = None  # what `started` runs
    provider: str | None = None  # deployment/NAME whose mode is among `beside`
    lease_seconds: float = 15.0  # how long the harness may be silent until its guard acts
    overwrites: tuple[str, ...] = ()  # images of somebody else's that people have said may go
    guard_job: str | None = None  # the Job that guards the run from within the cluster
    load_job: str | None = None  # the Job whose pods, with those of what it owns, send the load from the cluster
    runs_command: bool = False  # the way back is a command: the change-cause that it sets is the drill's, too
    limit_seconds: float = 300.0  # how long putting back may take until people are told that it does not work

    @property
    def made(self) -> tuple[BrokenImage, ...]:
        """The images that pods of the workload may run because of the drill; the broken one comes last."""
        return tuple(one for one in (self.recovery, self.broken) if one is not None)

    @property
    def rollback_image(self) -> str:
        """The image that a rollback sets: as the template has it when that pins the digest, else the bare digest."""
        return self.image if "@" in self.image or not self.pinned else self.pinned

    @property
    def spellings(self) -> tuple[str, ...]:
        """The image as a rollback sets it, and as it was written before where that is another text."""
        return tuple(sorted({self.rollback_image, self.image}))

    def is_stable(self, image: str) -> bool:
        """Return whether `image` is the stable one: as it was written before, or pinned to its digest."""
        if image == self.image:
            return True
        try:
            return parse_image_reference(image).digest in self.digests
        except ValueError:
            return False

    def owns(self, image: str) -> bool:
        """Return whether the workload has this image in this drill: the stable one, however it is written, or one that
        the drill has made. Any other one was set by somebody else."""
        made = (str(one.reference) for one in self.made)
        return self.is_stable(image) or image in (*made, *self.overwrites)

    def set_cause(self, change_cause: str | None) -> bool:
        """Return whether the workload has this change-cause because of the drill; any other one is somebody else's."""
        known = change_cause in (None, self.change_cause, DISGUISED_CAUSE)
        return known or self.runs_command or str(change_cause).startswith(("flowdrill ", "flowdrill: "))

    def by_hand(self) -> str:
        """Return the commands that put everything back without flowdrill."""
        commands = [["patch", name, "-p", json.dumps(patch)] for name, patch in self.beside.items()]
        if self.recovery is not None:
            commands += [self._set(str(self.recovery.reference)), ["rollout", "status", self.workload]]
        commands.append(self._set(self.image))
        if pods_read_at_start(self.beside):
            commands.append(["rollout", "restart", self.workload])
        if self.started is not None:  # by its label: nobody else's of that name, and no error when it is gone
            commands.append(["delete", self.started.partition("/")[0], "-l", f"{RUN_LABEL}={run_label(self.run_id)}"])
        cleared = [line for one in reversed(self.obstacles) for line in one.by_hand]  # the last that was put goes first
        kubectl = [shlex.join(["kubectl", "-n", self.namespace, *command]) for command in commands]
        # what does not go must not keep the workload from being put back
        return "; ".join([*cleared, " && ".join(kubectl)])

    def without_obstacles_but(self, names: tuple[str, ...]) -> Undo:
        """Return the same undo with those obstacles alone: the others are out of the way."""
        return replace(self, obstacles=tuple(one for one in self.obstacles if one.obstacle in names))

    def _set(self, image: str) -> list[str]:
        """The words after `kubectl -n NAMESPACE` that set the image, and the container's fields as they were."""
        if not self.fields:
            return ["set", "image", self.workload, f"{self.container}={image}"]
        return ["patch", self.workload, "-p", json.dumps(container_patch(self.container, image, self.fields))]


_UNDO: TypeAdapter[Undo] = TypeAdapter(Undo)


def undo_to_json(undo: Undo) -> str:
    """Return the undo as one line of JSON, the same for the same undo."""
    return json.dumps(asdict(undo), sort_keys=True)


def undo_from_json(text: str) -> Undo:
    """Return the undo that `undo_to_json` has written; ValueError when the text is none."""
    return _UNDO.validate_json(text)


def undo_digest(undo: Undo) -> str:
    """Return what tells this undo from any other: `sha256:…` of its JSON."""
    return f"sha256:{hashlib.sha256(undo_to_json(undo).encode()).hexdigest()}"


def memory_of(undo: Undo, obstacle: str) -> Mapping[str, Any]:
    """Return what has to be known to take an obstacle away that another process has put."""
    return next((one.memory for one in undo.obstacles if one.obstacle == obstacle), {})
