"""The ports of what a drill breaks and puts back: the workload, and the model provider that stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flowdrill.engine.facts import Tell
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.container_fields import NO_FIELDS, Fields
from flowdrill.model.provider_log import WrittenLog
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange, WorkloadChanges
from flowdrill.model.standing import Standing
from flowdrill.model.surroundings import Surroundings
from flowdrill.model.target_labels import TargetLabels
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadSnapshot


class Workload(Protocol):
    """One Deployment or StatefulSet and one container of it. Every method raises ClusterError or ForbiddenError."""

    def snapshot(self) -> WorkloadSnapshot:
        """Return the workload and its pods as the API server has them now."""
        ...

    def labels(self) -> TargetLabels:
        """Return what the workload and its namespace bear now."""
        ...

    def surroundings(self) -> Surroundings:
        """Return its revisions and everything else that decides whether a rollback goes through. What may not be read
        is named in it."""
        ...

    def release(self, changes: WorkloadChanges) -> Release:
        """Return what `changes` make of the container and its ConfigMaps as they are now, and what they were;
        PlanError when a change finds nothing to change."""
        ...

    def set_image(
        self, image: str, change_cause: str | None, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS
    ) -> None:
        """Patch the container's image and other `fields` of it, and the change-cause
        annotation (None removes it). Returns once accepted. `by`: who sends it."""
        ...

    def break_image(self, image: str, change_cause: str, *, fields: Fields, over: Mapping[str, Any]) -> None:
        """Do the same where the pod template is still `over`: DrillRefusedError when it is another one. A request that
        arrives late, when anybody has changed the workload since, changes nothing. Returns once accepted."""
        ...

    def outdate(self, run_id: str) -> None:
        """See to it that a `break_image` which was sent before and arrives later changes nothing. Leaves the workload
        as it was."""
        ...

    def template(self) -> Mapping[str, Any]:
        """Return the pod template, whole, as the API server has it now."""
        ...

    def undo_to(
        self, revision: str, holds: Mapping[str, Any], *, by: Actor = Actor.HARNESS, dry_run: bool = False
    ) -> None:
        """Bring back what `revision` (replicaset/NAME or controllerrevision/NAME) holds, as `kubectl rollout undo`
        does; `dry_run`: a server-side one. Returns once accepted. UndoRefusedError when the revision is not kept, holds
        another template than `holds`, or rollouts are paused. `by`: who sends it."""
        ...

    @property
    def responder(self) -> str | None:
        """Who would roll back, in words; None: the harness itself."""
        ...

    def may(self, by: Actor, questions: tuple[AccessQuestion, ...]) -> tuple[AccessAnswer, ...]:
        """Return whether the actor may do what each question asks, in their order."""
        ...

    def others_may(self, subjects: tuple[str, ...], question: AccessQuestion) -> tuple[AccessAnswer, ...]:
        """Return whether each of the subjects (a user, a service account's user name, or `group:NAME`) may do it."""
        ...

    def responder_problem(self) -> str | None:
        """Return what is not known about the responder (whether a kubeconfig of its own leads to this cluster), or
        None; ClusterError when it is a service account that is not there."""
        ...

    def pod_would_start(self, image: str, fields: Fields = NO_FIELDS) -> str | None:
        """Have the API server check a pod made from the workload's template with `image`, and keep nothing: quotas,
        limits and admission are met before a rollout needs it. Return why it could not be looked at, or None; raises
        what the API server would answer."""
        ...

    def would_accept(self, image: str, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS) -> None:
        """Send the same patch as a server-side dry run; raises what the API server would answer."""
        ...

    def patch_beside(self, object_name: str, patch: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """Set values of another object of the namespace (`configmap/NAME`, `deployment/NAME`) by a strategic merge
        patch. Returns once accepted."""
        ...

    def delete_pod(self, name: str, uid: str) -> None:
        """Delete one pod, which its controller replaces. Harmless when it is gone."""
        ...

    def start_watching(self, tell: Tell) -> None:
        """From now on tell every change of the workload, its pods and their endpoints, beginning with the state now."""
        ...

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        ...

    def lock(self, undo: Undo) -> str:
        """Take the workload for this run and write down the undo beside it; return where (`lease/NAME`).
        DrillRefusedError when another run holds it."""
        ...

    def refuse_if_locked(self) -> None:
        """DrillRefusedError when a run holds the workload."""
        ...

    def unlock(self, run_id: str) -> None:
        """Give the workload back. Harmless when this run does not hold it."""
        ...

    def forget_image(self, image: str) -> tuple[str, ...]:
        """Delete the revisions (ReplicaSets or ControllerRevisions without pods) that hold `image`, so that no undo
        can bring it back; return what could not be deleted, each with the reason."""
        ...

    def free_stuck_pods(self, image: str) -> tuple[str, ...]:
        """Delete pods of a StatefulSet that run `image` and are not ready: its controller would wait for them for
        ever. Return their names; empty for a Deployment."""
        ...

    def standing(self, undo: Undo) -> Standing:
        """Return how the workload, its revisions and pods stand, and what the drill of `undo` changes beside it or has
        made, but for tags. What may not be read is named in it."""
        ...

    def annotate(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations (None removes one) of the workload (kind/NAME) or of a revision of it. Returns once
        accepted."""
        ...

    def renumber(self, name: str, number: int) -> None:
        """Give a revision that is not the current one another number: `rollout undo` goes by it. Returns once
        accepted."""
        ...

    def set_revision_limit(self, limit: int) -> None:
        """Set how many old revisions the workload keeps. Returns once accepted."""
        ...

    def forget_revision(self, name: str) -> str | None:
        """Delete one revision that no pod is of; return why it is left, or None. Harmless when it is gone."""
        ...

    def evidence(self, images: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        """Return (file name, what it shows, text) for manifests, events, and logs, current and previous, of the pods
        that run one of `images`. What cannot be read is said in the text. Secrets are redacted."""
        ...


class Provider(Protocol):
    """The model provider behind the flow, a stand-in with a mode: one that is there, or one that the drill starts and
    takes away. Its methods raise ClusterError or ForbiddenError."""

    def stands(self) -> bool:
        """Return whether it is there: before `start`, whether it was without the drill."""
        ...

    def start(self, image: str, run_id: str, *, dry_run: bool = False) -> None:
        """Create it on `image`, in mode ok, behind its Service; `dry_run` has the API server check everything and keep
        nothing. ClusterError, too, when there is no Service that it could serve alone. Returns once accepted."""
        ...

    def remove(self, run_id: str) -> str | None:
        """Delete what `start` has made for this run, and nothing else; return what of it is still there, or None.
        Harmless when it is gone, or was never made."""
        ...

    def release(self, change: ProviderChange) -> Release:
        """Return what `change` makes of it, and what it was, as patches beside the workload: nothing to be put back
        where the drill starts it. PlanError when it is no stand-in, or is in that mode already."""
        ...

    def unsettled(self) -> str | None:
        """Return what keeps every pod of it from being ready on its present template, or None."""
        ...

    def log(self, since_seconds: float) -> WrittenLog:
        """Return what its pods have written since then: at least one line for each request they served. A pod that ends
        meanwhile is among the unread; an error when no pod's log can be read."""
        ...
