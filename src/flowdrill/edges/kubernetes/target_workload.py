"""The target workload on a real cluster: the `Workload` port, put together from this folder's parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.analysis.flow_changes import no_sources
from flowdrill.edges.kubernetes.access_reviews import answers_about, own_answers
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.evidence import take_evidence
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.freshness import Freshness
from flowdrill.edges.kubernetes.image_look import ImageLook
from flowdrill.edges.kubernetes.lease import DrillLease
from flowdrill.edges.kubernetes.lease_ack import LeaseLook
from flowdrill.edges.kubernetes.limit_look import LimitLook
from flowdrill.edges.kubernetes.neighbours import neighbour_look, node_look
from flowdrill.edges.kubernetes.obstacles.opening import obstacle_on
from flowdrill.edges.kubernetes.patching import outdate, patch_beside, patch_container, patch_over
from flowdrill.edges.kubernetes.pod_dry_run import try_pod
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.release import release_on
from flowdrill.edges.kubernetes.responder import Responder, open_responder, responder_problem
from flowdrill.edges.kubernetes.revisions import delete_pod, delete_revisions, delete_stuck_pods
from flowdrill.edges.kubernetes.standing import annotate, forget_revision, renumber, set_revision_limit, standing_of
from flowdrill.edges.kubernetes.surroundings import surroundings_of
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.edges.kubernetes.target_labels import labels_of
from flowdrill.edges.kubernetes.undo import undo_to
from flowdrill.edges.kubernetes.watched_state import Source, snapshot_of
from flowdrill.edges.kubernetes.watching import WorkloadWatch, listings
from flowdrill.edges.kubernetes.workload_event import tell_event
from flowdrill.engine.facts import Tell
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.engine.ports import Clock
from flowdrill.errors import ClusterError, FlowdrillError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.container_fields import NO_FIELDS, Fields
from flowdrill.model.drill import Target
from flowdrill.model.obstacle_plan import ObstaclePlan
from flowdrill.model.release import Release
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.scenario import WorkloadChanges
from flowdrill.model.standing import Standing
from flowdrill.model.surroundings import Surroundings
from flowdrill.model.target_labels import TargetLabels
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadSnapshot


def open_workload(
    context: str,
    target: Target,
    *,
    kubeconfig: str | None = None,
    rollback: RollbackPlan = RollbackPlan(),  # noqa: B008 - frozen
    near: Path = Path(),
    read_source: ReadSource = no_sources,
    fence: Fence | None = None,
) -> KubernetesWorkload:
    """Return the target on the cluster of `context`; `fence` may keep it from writing. ClusterError when the context,
    the cluster, the namespace, the workload or the container is not there, or `rollback` names a kubeconfig (in the
    folder `near`) that cannot be used; PlanError when the drill does not name one of several containers, or who rolls
    back is no name."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server, fence=fence)
    try:
        version = printable(str(api.get("/version").get("gitVersion")))
        found = find_target(api, target, context)
        responder = open_responder(api, found, rollback, near)
    except FlowdrillError:
        api.close()
        raise
    cluster = f"{context} ({connection.server})"
    return KubernetesWorkload(
        api, found, responder, cluster=cluster, kubernetes_version=version, read_source=read_source
    )


class KubernetesWorkload:
    """One Deployment or StatefulSet and one container of it. Every method raises ClusterError or ForbiddenError."""

    def __init__(
        self,
        api: Api,
        target: FoundTarget,
        responder: Responder,
        *,
        cluster: str,
        kubernetes_version: str,
        read_source: ReadSource,
    ) -> None:
        self._api = api
        self._responder = responder
        self._read_source = read_source
        self._target = target
        self._watch: WorkloadWatch | None = None
        self._freshness = Freshness()
        self.cluster = cluster  # the context's name and the API server's address
        self.kubernetes_version = kubernetes_version
        self.container = target.container
        self.lease = DrillLease(api, Target(namespace=target.namespace, workload=target.label))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop watching and close every connection."""
        self.stop_watching()
        self._responder.close()
        self._api.close()

    def snapshot(self) -> WorkloadSnapshot:
        """Return the workload and its pods as the API server has them now; ClusterAwayError for an answer that is older
        than one before."""
        items = {
            listing.source: {item["metadata"]["uid"]: item for item in self._api.items(listing.path, listing.query)}
            for listing in listings(self._api, self._target)
        }
        for workload in items[Source.WORKLOAD].values():
            self._freshness.refuse_older(workload)
        found = snapshot_of(self._target, items)
        if found is None:
            raise ClusterError(
                f"{self._target.label} in namespace {self._target.namespace} is gone",
                "find out who deleted it; the drill cannot go on",
            )
        return found

    def obstacle(self, plan: ObstaclePlan) -> Obstacle | None:
        """Return what a drill puts in the way of the rollback on the cluster; None for what is at the registry."""
        return obstacle_on(self._api, self._target, self._responder, plan)

    def pull_policy(self) -> str | None:
        """Return whether nodes pull the container's image each time: Always, IfNotPresent or Never."""
        containers = self._api.get(self._target.path)["spec"]["template"]["spec"]["containers"]
        policies = (one.get("imagePullPolicy") for one in containers if one["name"] == self._target.container)
        return next(policies, None)

    def template(self) -> Mapping[str, Any]:
        """Return the pod template, whole, as the API server has it now."""
        found: Mapping[str, Any] = self._api.get(self._target.path)["spec"]["template"]
        return found

    def labels(self) -> TargetLabels:
        """Return what the workload and its namespace bear now."""
        return labels_of(self._api, self._target)

    def surroundings(self) -> Surroundings:
        """Return its revisions and everything else that decides whether a rollback goes through. What may not be read
        is named in it."""
        return surroundings_of(self._api, self._target)

    def release(self, changes: WorkloadChanges) -> Release:
        """Return what `changes` make of the container and its ConfigMaps as they are now, and what they were."""
        return release_on(self._api, self._target, changes, self._read_source)

    def set_image(
        self, image: str, change_cause: str | None, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS
    ) -> None:
        """Patch the container's image and other `fields` of it, and the change-cause
        annotation (None removes it). Returns once accepted."""
        api = self._api_of(by)
        self._freshness.note(patch_container(api, self._target, image, change_cause, fields=fields, dry_run=False))

    def break_image(self, image: str, change_cause: str, *, fields: Fields, over: Mapping[str, Any]) -> None:
        """Do the same where the pod template is still `over`: DrillRefusedError when it is another one. A request that
        arrives late, when the workload has changed since, is refused by the API server."""
        self._freshness.note(patch_over(self._api, self._target, image, change_cause, fields=fields, over=over))

    def outdate(self, run_id: str) -> None:
        """See to it that a `break_image` which was sent before and arrives later changes nothing."""
        outdate(self._api, self._target, run_id)

    def would_accept(self, image: str, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS) -> None:
        """Send the same patch as a server-side dry run; raises what the API server would answer."""
        cause = "flowdrill: dry run"
        patch_container(self._api_of(by), self._target, image, cause, fields=fields, dry_run=True)

    def undo_to(
        self, revision: str, holds: Mapping[str, Any], *, by: Actor = Actor.HARNESS, dry_run: bool = False
    ) -> None:
        """Bring back what `revision` holds, as `kubectl rollout undo` does. Returns once accepted. UndoRefusedError
        when it is not kept, holds another template than `holds`, or rollouts are paused."""
        undo_to(self._api_of(by), self._target, revision, holds, dry_run=dry_run)

    def _api_of(self, actor: Actor) -> Api:
        return self._responder.api if actor is Actor.RESPONDER else self._api

    @property
    def responder(self) -> str | None:
        """Who would roll back, in words; None: the harness itself."""
        return self._responder.words

    def may(self, by: Actor, questions: tuple[AccessQuestion, ...]) -> tuple[AccessAnswer, ...]:
        """Return whether the actor may do what each question asks, in their order."""
        return own_answers(self._api_of(by), questions)

    def others_may(self, subjects: tuple[str, ...], question: AccessQuestion) -> tuple[AccessAnswer, ...]:
        """Return whether each of the subjects may do it, in their order."""
        told = answers_about(self._api, self._target.namespace, subjects, question)
        return tuple(answer for _, answer in told)

    def responder_problem(self) -> str | None:
        """Return what is not known about the responder, or None; ClusterError when it is not there."""
        return responder_problem(self._api, self._responder)

    def pod_would_start(self, image: str, fields: Fields = NO_FIELDS) -> str | None:
        """Have the API server check a pod made from the workload's template with `image`, and keep nothing. Return why
        it could not be looked at, or None."""
        return try_pod(self._api, self._target, image, fields)

    def patch_beside(self, object_name: str, patch: Mapping[str, Any], *, dry_run: bool = False) -> None:
        """Set values of another object of the namespace (`configmap/NAME`). Returns once accepted."""
        patch_beside(self._api, self._target, object_name, patch, dry_run=dry_run)

    def delete_pod(self, name: str, uid: str) -> None:
        """Delete one pod, which its controller replaces. Harmless when it is gone."""
        delete_pod(self._api, self._target, name, uid)

    def start_watching(self, tell: Tell) -> None:
        """From now on tell every change of the workload, its pods and their endpoints, beginning with the state now."""
        self.stop_watching()
        self._watch = WorkloadWatch(self._api, self._target, tell)

    def image_look(self, clock: Clock) -> ImageLook:
        """Return what asks for the workload's image twice a second, beside the watch."""
        return ImageLook(self._api, self._target, clock)

    def lease_look(self, clock: Clock) -> LeaseLook:
        """Return what looks once a second whether somebody has acknowledged on the Lease."""
        return LeaseLook(self._api, self._target, clock)

    def neighbour_look(self, spared: Collection[str]) -> LimitLook:
        """Return who looks at the namespace's other workloads, but for `spared` (`deployment/NAME`)."""
        return neighbour_look(self._api, self._target.namespace, {self._target.label, *spared})

    def node_look(self) -> LimitLook:
        """Return who looks at the cluster's nodes."""
        return node_look(self._api)

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def lock(self, undo: Undo) -> str:
        """Take the Lease and write down the undo in it; return where. DrillRefusedError when another run holds it."""
        return self.lease.take(undo)

    def refuse_if_locked(self) -> None:
        """DrillRefusedError when a run holds the Lease."""
        self.lease.refuse_if_held()

    def unlock(self, run_id: str) -> None:
        """Give the Lease back. Harmless when this run does not hold it."""
        self.lease.give_back(run_id)

    def tell_event(self, reason: str, message: str, *, warns: bool) -> None:
        """Write a Kubernetes Event about the workload."""
        tell_event(self._api, self._target, reason, message, warns=warns)

    def forget_image(self, image: str) -> tuple[str, ...]:
        """Delete the revisions without pods that hold `image`; return what could not be deleted, with the reason."""
        return delete_revisions(self._api, self._target, image)

    def free_stuck_pods(self, image: str) -> tuple[str, ...]:
        """Delete pods of a StatefulSet that run `image` and are not ready; return their names."""
        return delete_stuck_pods(self._api, self._target, image)

    def standing(self, undo: Undo) -> Standing:
        """Return how the workload, its revisions and pods stand, and what the drill changes beside it or has made."""
        return standing_of(self._api, self._target, undo)

    def annotate(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations (None removes one) of the workload or of a revision of it. Returns once accepted."""
        annotate(self._api, self._target, name, annotations)

    def renumber(self, name: str, number: int) -> None:
        """Give a revision that is not the current one another number. Returns once accepted."""
        renumber(self._api, self._target, name, number)

    def set_revision_limit(self, limit: int) -> None:
        """Set how many old revisions the workload keeps. Returns once accepted."""
        set_revision_limit(self._api, self._target, limit)

    def forget_revision(self, name: str) -> str | None:
        """Delete one revision that no pod is of; return why it is left, or None."""
        return forget_revision(self._api, self._target, name)

    def evidence(self, images: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        """Return (file name, what it shows, text) for manifests, events and logs; secrets are redacted."""
        return take_evidence(self._api, self._target, images)
