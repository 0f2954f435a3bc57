"""The target workload on a real cluster: the `Workload` port, put together from this folder's parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.analysis.flow_changes import no_sources
from flowdrill.edges.kubernetes.access_reviews import answers_about, own_answers
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.evidence import take_evidence
from flowdrill.edges.kubernetes.lease import give_back_lease, take_lease
from flowdrill.edges.kubernetes.patching import patch_beside, patch_container
from flowdrill.edges.kubernetes.pod_dry_run import try_pod
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.release import release_on
from flowdrill.edges.kubernetes.responder import Responder, open_responder, responder_problem
from flowdrill.edges.kubernetes.revisions import delete_pod, delete_revisions, delete_stuck_pods
from flowdrill.edges.kubernetes.surroundings import surroundings_of
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.edges.kubernetes.watched_state import snapshot_of
from flowdrill.edges.kubernetes.watching import WorkloadWatch, listings
from flowdrill.engine.ports import Tell
from flowdrill.errors import ClusterError, FlowdrillError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.drill import RollbackPlan, Target
from flowdrill.model.release import NO_FIELDS, Fields, Release
from flowdrill.model.scenario import WorkloadChanges
from flowdrill.model.surroundings import Surroundings
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
) -> KubernetesWorkload:
    """Return the target on the cluster of `context`. ClusterError when the context, the cluster, the namespace, the
    workload or the container is not there, or `rollback` names a kubeconfig (in the folder `near`) that cannot be
    used; PlanError when the drill does not name one of several containers, or who rolls back is no name."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
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
        self.cluster = cluster  # the context's name and the API server's address
        self.kubernetes_version = kubernetes_version
        self.container = target.container

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
        """Return the workload and its pods as the API server has them now."""
        items = {
            listing.source: {item["metadata"]["uid"]: item for item in self._api.items(listing.path, listing.query)}
            for listing in listings(self._api, self._target)
        }
        found = snapshot_of(self._target, items)
        if found is None:
            raise ClusterError(
                f"{self._target.label} in namespace {self._target.namespace} is gone",
                "find out who deleted it; the drill cannot go on",
            )
        return found

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
        """Patch the container's image and other `fields` of it (whole; None removes one), and the change-cause
        annotation (None removes it). Returns once accepted."""
        patch_container(self._api_of(by), self._target, image, change_cause, fields=fields, dry_run=False)

    def would_accept(self, image: str, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS) -> None:
        """Send the same patch as a server-side dry run; raises what the API server would answer."""
        cause = "flowdrill: dry run"
        patch_container(self._api_of(by), self._target, image, cause, fields=fields, dry_run=True)

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

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def lock(self, undo: Undo) -> str:
        """Take the Lease and write down the undo in it; return where. DrillRefusedError when another run holds it."""
        return take_lease(self._api, self._target, undo)

    def unlock(self, run_id: str) -> None:
        """Give the Lease back. Harmless when this run does not hold it."""
        give_back_lease(self._api, self._target, run_id)

    def forget_image(self, image: str) -> tuple[str, ...]:
        """Delete the revisions without pods that hold `image`; return what could not be deleted, with the reason."""
        return delete_revisions(self._api, self._target, image)

    def free_stuck_pods(self, image: str) -> tuple[str, ...]:
        """Delete pods of a StatefulSet that run `image` and are not ready; return their names."""
        return delete_stuck_pods(self._api, self._target, image)

    def evidence(self, images: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        """Return (file name, what it shows, text) for manifests, events and logs; secrets are redacted."""
        return take_evidence(self._api, self._target, images)
