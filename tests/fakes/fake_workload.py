"""A Deployment or StatefulSet in memory that rolls out step by step while fake time passes."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flowdrill.analysis.access_needs import excess
from flowdrill.analysis.as_before import CHANGE_CAUSE
from flowdrill.analysis.flow_changes import no_sources
from flowdrill.analysis.workload_changes import release_of
from flowdrill.engine.facts import Tell, WatchLost, WorkloadChanged
from flowdrill.errors import ClusterAwayError, ClusterError, DrillRefusedError, ForbiddenError, UndoRefusedError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.container_fields import NO_FIELDS, Fields, with_fields
from flowdrill.model.release import Release
from flowdrill.model.scenario import WorkloadChanges
from flowdrill.model.standing import REVISION_LIMIT, Standing, StandingObject, StrayPod
from flowdrill.model.surroundings import Opponent, PullSecret, Revision, Surroundings
from flowdrill.model.target_labels import TargetLabels
from flowdrill.model.undo import Undo
from flowdrill.model.workload import FieldManager, PodSnapshot, WorkloadKind, WorkloadSnapshot
from tests.fakes.fake_notes import CONTAINER, FakeNotes, container_facts, facts_of
from tests.fakes.fake_time import FakeTime

EXCESS = excess("")[0].needed_for


class FakeWorkload:
    """The `Workload` port. `digests` says what an image resolves to when its reference does not pin it.

    A rollout step takes `step_seconds` of fake time: a pod is made, becomes ready, or goes. Pods of an image in
    `never_ready` never become ready, those with `crashing` in their image end instead, and those with
    `crashing_once_ready` end afterwards and serve on. A pod with `migrates` in its image changes the data that all pods
    share when it gets ready, one with `puts_back` undoes that; in between every other pod ends instead. Identities in
    `forbid` (None: the harness's own) may not patch. Errors put into `failing_patches` are raised by the next patches,
    one each."""

    keeps_breaks_back = False  # the network does
    kept_back: str | None = None  # what it has kept back
    borne = TargetLabels(workload={}, namespace={})

    def __init__(
        self,
        time: FakeTime,
        image: str,
        *,
        kind: WorkloadKind = WorkloadKind.DEPLOYMENT,
        digests: Mapping[str, str] | None = None,
        replicas: int = 2,
        forbid: Collection[str | None] = (),
        never_ready: Collection[str] = (),
        crashing: str | None = None,
        crashing_once_ready: str | None = None,
        migrates: str | None = None,
        puts_back: str | None = None,
        step_seconds: float = 0.5,
        patch_seconds: float = 0.0,
    ) -> None:
        self.image = image
        self.container: dict[str, Any] = {"env": [{"name": "LANGFLOW_API_KEY", "value": "right"}]}
        self.config: dict[str, str] = {}  # what the ConfigMap `flows` holds
        self.others: dict[str, Callable[[Mapping[str, Any]], None]] = {}  # what takes a patch of an object, by name
        self.deleted: list[tuple[str, int]] = []  # pods that were deleted, and how many were ready then beside them
        self.change_cause: str | None = None
        self.image_set_by: FieldManager | None = None
        self.wanted_replicas = replicas
        self.paused = False
        self.on_delete = False
        self.kind = kind
        self.digests = dict(digests or {})
        self.forbid = set(forbid)
        self.never_ready = set(never_ready)
        self._crashing, self._crashing_once_ready = crashing, crashing_once_ready
        self.migrated, self._migrates, self._puts_back = False, migrates, puts_back
        self.responder: str | None = None
        self.denied: set[tuple[str | None, str, str]] = set()  # (who, verb, resource) that the reviews deny
        self.too_much: set[tuple[str, str]] = set()  # (verb, resource) of what no rollback needs, and is allowed
        self.unanswerable: set[str] = set()  # resources for which a review fails
        self.no_such_responder: str | None = None
        self.responder_doubt: str | None = None
        self.pod_refusal: ClusterError | None = None
        self.pod_unseen: str | None = None
        self.failing_patches: deque[ClusterError] = deque()
        self.patches: list[tuple[str, str | None, str | None]] = []  # (image, change cause, as user), as accepted
        self.undone: list[tuple[str, str | None]] = []  # (revision, as user), as accepted
        self.revisions = [image]
        self._revision_numbers: dict[str, int] = {}  # by image
        self.kept_containers: dict[str, dict[str, Any]] = {image: self.container}  # of each revision, by image
        self.notes = FakeNotes()
        self.revision_limit = 10
        self.revision_differences: dict[str, tuple[str, ...]] = {}  # by image
        self.opponents: tuple[Opponent, ...] = ()
        self.node_platforms: tuple[str, ...] | None = ("linux/amd64",)
        self.cached_digests: frozenset[str] | None = frozenset()
        self.pull_secrets: tuple[PullSecret, ...] = ()
        self.unknown: tuple[str, ...] = ()  # what of the surroundings could not be looked at
        self.undeletable_revision: str | None = None  # the reason why a revision cannot be deleted
        self.undo: Undo | None = None  # of the run that holds the lock
        self.evidence_problem: ClusterError | None = None
        self._time = time
        self._step_seconds, self._patch_seconds = step_seconds, patch_seconds
        self._generation = self._observed_generation = 1
        self._made = 0
        self._tell: Tell | None = None
        self._last_told: WorkloadSnapshot | None = None
        self._away_until_ns = 0
        self._step_is_due = False
        self._pods = [self._settled(self._new_pod(ordinal)) for ordinal in range(replicas)]

    @property
    def pods(self) -> tuple[PodSnapshot, ...]:
        return tuple(self._pods)

    def go_away(self, seconds: float) -> None:
        """From now on, and for that long, answer nothing: as an API server that restarts."""
        self._away_until_ns = self._time.now_ns() + round(seconds * 1e9)

    def _refuse_while_away(self) -> None:
        if self._time.now_ns() < self._away_until_ns:
            raise ClusterError("the API server cannot be reached: connection refused", "see that it runs")

    def snapshot(self) -> WorkloadSnapshot:
        self._refuse_while_away()
        return self._snapshot()

    def _snapshot(self) -> WorkloadSnapshot:
        staying = [pod for pod in self._pods if not pod.deleting]
        ready = sum(pod.ready for pod in staying)
        return WorkloadSnapshot(
            kind=self.kind,
            namespace="demo",
            name="app",
            uid="uid-app",
            generation=self._generation,
            observed_generation=self._observed_generation,
            wanted_replicas=self.wanted_replicas,
            replicas=len(staying),
            updated_replicas=sum(pod.image == self.image for pod in staying),
            ready_replicas=ready,
            available_replicas=ready,
            paused=self.paused,
            on_delete=self.on_delete,
            containers=("flow",),
            image=self.image,
            change_cause=self.change_cause,
            pods=tuple(sorted(self._pods, key=lambda pod: pod.name)),
            image_set_by=self.image_set_by,
            template_digest=hashlib.sha256(repr((self.image, self.container)).encode()).hexdigest(),
        )

    def labels(self) -> TargetLabels:
        self._refuse_while_away()
        return self.borne

    def surroundings(self) -> Surroundings:
        self._refuse_while_away()
        oldest_first = sorted(self.revisions, key=lambda image: image == self.image)  # going back makes it the newest
        return Surroundings(
            revisions=tuple(reversed([self._revision(n, image) for n, image in enumerate(oldest_first, 1)])),
            revision_limit=self.revision_limit,
            opponents=self.opponents,
            node_platforms=self.node_platforms,
            cached_digests=self.cached_digests,
            pull_secrets=self.pull_secrets,
            unknown=self.unknown,
        )

    def _revision(self, number: int, image: str) -> Revision:
        current, created = image == self.image, f"2026-01-01T00:00:{number:02}Z"
        name = self._revision_name(image)
        differences = () if current else self.revision_differences.get(image, ())
        return Revision(name, number, image, created, current, self.change_cause if current else None, differences)

    def _revision_name(self, image: str) -> str:
        number = self._revision_numbers.setdefault(image, len(self._revision_numbers) + 1)
        return f"{'controllerrevision' if self.kind is WorkloadKind.STATEFULSET else 'replicaset'}/app-{number}"

    def template(self) -> Mapping[str, Any]:
        self._refuse_while_away()
        return self._template(self.image, self.container)

    def _template(self, image: str, container: Mapping[str, Any]) -> dict[str, Any]:
        spec = {"containers": [{"name": "flow", "image": image, **container}]}
        return {"metadata": {"labels": {"app": "app"}}, "spec": spec}

    def undo_to(
        self, revision: str, holds: Mapping[str, Any], *, by: Actor = Actor.HARNESS, dry_run: bool = False
    ) -> None:
        self._time.pass_seconds(self._patch_seconds)
        self.would_accept(self.image, by=by)
        kept = {self._revision_name(image): image for image in self.revisions}
        if revision not in kept:
            raise UndoRefusedError(f"{revision}, which held the stable template, is no longer kept", "set the image")
        image = kept[revision]
        if self._template(image, self.kept_containers[image]) != holds:
            raise UndoRefusedError(f"{revision} holds another template", "set the image")
        if self.paused and self.kind is WorkloadKind.DEPLOYMENT:
            raise UndoRefusedError(f"the rollout of {self.kind}/app is paused", "resume it")
        if not dry_run:
            self.undone.append((revision, self.responder if by is Actor.RESPONDER else None))
            cause = self.change_cause if self.kind is WorkloadKind.STATEFULSET else None
            self._set(image, self.kept_containers[image], cause)

    def release(self, changes: WorkloadChanges) -> Release:
        return release_of(changes, self.container, {"flows": dict(self.config)}, f"{self.kind}/app", no_sources)

    def patch_beside(self, object_name: str, patch: Mapping[str, Any], *, dry_run: bool = False) -> None:
        self._refuse_while_away()
        if object_name != "configmap/flows" and object_name not in self.others:
            raise ClusterError(f"{object_name} not found", "name what there is")
        if dry_run:
            return
        if object_name == "configmap/flows":
            self.config.update(patch["data"])
        else:
            self.others[object_name](patch)

    def delete_pod(self, name: str, uid: str) -> None:
        self._refuse_while_away()
        gone = [pod for pod in self._pods if (pod.name, pod.uid) == (name, uid)]
        for pod in gone:
            self._pods.remove(pod)
            self.deleted.append((uid, sum(other.ready for other in self._pods)))
            self._changed()

    def set_image(
        self, image: str, change_cause: str | None, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS
    ) -> None:
        self._time.pass_seconds(self._patch_seconds)
        self.would_accept(image, fields=fields, by=by)
        kept = with_fields(self.container, fields)
        self.patches.append((image, change_cause, self.responder if by is Actor.RESPONDER else None))
        self._set(image, kept, change_cause)

    def _set(self, image: str, container: dict[str, Any], change_cause: str | None) -> None:
        self.container, self.change_cause = container, change_cause
        self.kept_containers[image] = container
        if image != self.image:
            self.image = image
            self.image_set_by = self._manager("flowdrill")
            self._generation += 1
            if image not in self.revisions:
                self.revisions.append(image)
            self.notes.rise(self._revision_name(image))
            while len(self.revisions) > self.revision_limit + 1:
                self.revisions.remove(next(one for one in self.revisions if one != image))
        self._note()
        self._changed()

    def _note(self) -> None:
        """What the Deployment controller does, and never takes back."""
        if self.kind is WorkloadKind.DEPLOYMENT:
            self.notes.of_revisions.setdefault(self.image, {}).update(self._all_annotations())

    def _all_annotations(self) -> dict[str, str]:
        return self.notes.own | ({} if self.change_cause is None else {CHANGE_CAUSE: self.change_cause})

    def people_annotate(self, name: str, text: str, manager: str) -> None:
        """Somebody else notes something on the workload."""
        self.notes.own[name] = text
        self.notes.managers[f"metadata.annotations.{name}"] = manager
        self._note()

    def people_set_env(self, name: str, value: str, manager: str) -> None:
        """Somebody else changes the template."""
        self.container = {**self.container, "env": [*self.container["env"], {"name": name, "value": value}]}
        self.notes.managers[f"{CONTAINER}.env[{name}].value"] = manager
        self._generation += 1
        self._changed()

    def standing(self, undo: Undo) -> Standing:
        self._refuse_while_away()
        managers = {f"{CONTAINER}.image": self.image_set_by.manager} if self.image_set_by else {}
        scale = {"spec.replicas": str(self.wanted_replicas), REVISION_LIMIT: str(self.revision_limit)}
        scale |= {"spec.paused": "true"} if self.paused else {}
        fields = {**container_facts(self.image, self.container), **scale, **facts_of(self._all_annotations())}
        names = (*undo.beside, *(() if undo.started is None else (undo.started,)))
        return Standing(
            uid="uid-app",
            workload=StandingObject(fields, {**managers, **self.notes.managers}),
            revisions=self.notes.kept([(self._revision_name(image), image) for image in self.revisions]),
            current=self._revision_name(self.image),
            strays=tuple(StrayPod(pod.name, pod.image) for pod in self._pods if pod.image != self.image),
            beside={name: self.notes.beside(name, self.config) for name in names},
            made=tuple(self.notes.leftovers),
            unread=self.notes.unreadable,
        )

    def annotate(self, name: str, annotations: Mapping[str, str | None]) -> None:
        self._refuse_while_away()
        if name == f"{self.kind}/app" and CHANGE_CAUSE in annotations:
            self.change_cause = annotations[CHANGE_CAUSE]
            annotations = {**annotations, CHANGE_CAUSE: None}
        named = [image for image in self.revisions if self._revision_name(image) == name]
        holder = self.notes.of_revisions.setdefault(named[0], {}) if named else self.notes.own
        kept = {key: text for key, text in {**holder, **annotations}.items() if text is not None}
        holder.clear()
        holder.update(kept)

    def renumber(self, name: str, number: int) -> None:
        self._refuse_while_away()
        self.notes.numbers[name] = number

    def set_revision_limit(self, limit: int) -> None:
        self._refuse_while_away()
        self.revision_limit = limit

    def forget_revision(self, name: str) -> str | None:
        found = [image for image in self.revisions if self._revision_name(image) == name]
        return "; ".join(self.forget_image(found[0])) or None if found else None

    def break_image(self, image: str, change_cause: str, *, fields: Fields, over: Mapping[str, Any]) -> None:
        if self.template() != over and self.image != image:
            raise DrillRefusedError(f"{self.kind}/app was changed since it was looked at", "nothing was broken")
        if self.keeps_breaks_back:
            self.kept_back = image
            raise ClusterAwayError("the API server cannot be reached", "wait")
        self.set_image(image, change_cause, fields=fields)

    def pause(self, *, paused: bool) -> None:
        """Stop every rollout, or let it go on."""
        self.paused = paused
        self._changed()

    def outdate(self, run_id: str) -> None:
        self._refuse_while_away()
        self.kept_back = None

    def break_arrives(self) -> None:
        """What the network has kept back arrives, and is carried out unless the workload was changed since."""
        if self.kept_back is not None:
            self.set_image(self.kept_back, "late")

    def people_set(self, image: str, manager: str) -> None:
        """Somebody else sets the image, with a program that is called so."""
        self.image, self.image_set_by = image, self._manager(manager)
        self._generation += 1
        if image not in self.revisions:
            self.revisions.append(image)
        self.notes.rise(self._revision_name(image))
        self._note()
        self._changed()

    def _manager(self, name: str) -> FieldManager:
        at = datetime.fromtimestamp(self._time.pair().utc_ns // 1_000_000_000, UTC)
        return FieldManager(name, "Update", f"{at:%Y-%m-%dT%H:%M:%SZ}")

    def would_accept(self, image: str, *, fields: Fields = NO_FIELDS, by: Actor = Actor.HARNESS) -> None:
        self._refuse_while_away()
        who = self.responder if by is Actor.RESPONDER else None
        if who in self.forbid:
            raise ForbiddenError(
                f"patch {self.kind}/app: {who or 'the harness'} must not patch {self.kind}s.apps in namespace demo",
                f"give {who or 'the harness'} a Role in namespace demo with the verb patch",
            )
        if self.failing_patches:
            raise self.failing_patches.popleft()

    def may(self, by: Actor, questions: tuple[AccessQuestion, ...]) -> tuple[AccessAnswer, ...]:
        self._refuse_while_away()
        who = self.responder if by is Actor.RESPONDER else None
        return tuple(self._answered(who, question) for question in questions)

    def others_may(self, subjects: tuple[str, ...], question: AccessQuestion) -> tuple[AccessAnswer, ...]:
        return tuple(self._answered(subject, question) for subject in subjects)

    def _answered(self, who: str | None, question: AccessQuestion) -> AccessAnswer:
        if question.full_resource in self.unanswerable:
            return AccessAnswer(question, None, "not found out: no answer")
        denied = {(who, question.verb, question.full_resource), (who, "*", "*")} & self.denied
        patches = question.verb == "patch" and question.full_resource == f"{self.kind}s.apps"
        needless = question.needed_for == EXCESS and (question.verb, question.full_resource) not in self.too_much
        allowed = not denied and not (patches and who in self.forbid) and not needless
        return AccessAnswer(question, allowed, 'RoleBinding "all/demo" of Role "all"' if allowed else "")

    def responder_problem(self) -> str | None:
        if self.no_such_responder is not None:
            raise ClusterError(self.no_such_responder, "make the account")
        return self.responder_doubt

    def pod_would_start(self, image: str, fields: Fields = NO_FIELDS) -> str | None:
        self._refuse_while_away()
        if self.pod_refusal is not None:
            raise self.pod_refusal
        return self.pod_unseen

    def start_watching(self, tell: Tell) -> None:
        self._tell, self._last_told = tell, None
        self._tell_if_new()

    def stop_watching(self) -> None:
        self._tell = None

    def lose_watch(self, problem: str) -> None:
        """Tell that the watch is lost, and nothing from then on."""
        if self._tell is not None:
            self._tell(WatchLost(self._time.now_ns(), problem))
        self._tell = None

    def lock(self, undo: Undo) -> str:
        if self.undo is not None and self.undo.run_id != undo.run_id:
            raise DrillRefusedError(
                f"a drill is already running on {self.kind}/app: run {self.undo.run_id} on host {self.undo.host}",
                f"wait, or if it is dead: flowdrill restore --workload {self.kind}/app",
            )
        self.undo = undo
        return f"lease/flowdrill-{self.kind}-app"

    def refuse_if_locked(self) -> None:
        self._refuse_while_away()
        if self.undo is not None:
            self.lock(replace(self.undo, run_id=""))

    def unlock(self, run_id: str) -> None:
        if self.undo is not None and self.undo.run_id == run_id:
            self.undo = None

    def forget_image(self, image: str) -> tuple[str, ...]:
        if image not in self.revisions:
            return ()
        reason = self.undeletable_revision
        if image == self.image:
            reason = "it is the workload's current revision"
        if reason is not None:
            return (f"revision of {image}: {reason}",)
        self.revisions.remove(image)
        return ()

    def free_stuck_pods(self, image: str) -> tuple[str, ...]:
        if self.kind is not WorkloadKind.STATEFULSET:
            return ()
        stuck = [pod for pod in self._pods if pod.image == image and not pod.ready]
        self._pods = [pod for pod in self._pods if pod not in stuck]
        if stuck:
            self._changed()
        return tuple(pod.name for pod in stuck)

    def evidence(self, images: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        if self.evidence_problem is not None:
            raise self.evidence_problem
        logs = [
            (f"log-{pod.name}-flow.txt", f"log of {pod.name}", "started\n") for pod in self._pods if pod.image in images
        ]
        return (("workload.yaml", f"manifest of {self.kind}/app", f"image: {self.image}\n"), *logs)

    def _new_pod(self, ordinal: int) -> PodSnapshot:
        self._made += 1
        revision = hashlib.sha256(self.image.encode()).hexdigest()[:8]
        stateful = self.kind is WorkloadKind.STATEFULSET
        return PodSnapshot(
            name=f"app-{ordinal}" if stateful else f"app-{revision}-{self._made:05}",
            uid=f"uid-{self._made}",
            image=self.image,
            image_digest=None,
            template_hash=revision,
            scheduled=True,
            pulled=False,
            started=False,
            ready=False,
            in_endpoints=False,
            deleting=False,
            restarts=0,
            waiting_reason="ContainerCreating",
        )

    def _settled(self, pod: PodSnapshot) -> PodSnapshot:
        digest = self.digests.get(pod.image) or pod.image.partition("@")[2] or None
        return replace(
            pod, image_digest=digest, pulled=True, started=True, ready=True, in_endpoints=True, waiting_reason=None
        )

    def _changed(self) -> None:
        self._tell_if_new()
        if not self._step_is_due:
            self._step_is_due = True
            self._time.after(self._step_seconds, self._step)

    def _step(self) -> None:
        self._step_is_due = False
        self._observed_generation = self._generation
        moved = False
        if not (self.paused or self.on_delete):
            moved = self._one_ready() or (
                self._roll_stateful() if self.kind is WorkloadKind.STATEFULSET else self._roll_deployment()
            )
        if moved:
            self._changed()
        else:
            self._tell_if_new()

    def _one_ready(self) -> bool:
        for at, pod in enumerate(self._pods):
            if pod.ended is not None or (pod.image != self.image and self.kind is not WorkloadKind.STATEFULSET):
                continue  # a StatefulSet waits for its old pods, too, and they get ready as any other
            if self._crashes(pod.image):
                self._pods[at] = replace(
                    pod, ended="Error (exit code 1)", restarts=1, waiting_reason="CrashLoopBackOff"
                )
                return True
            if pod.ready and self._crashing_once_ready is not None and self._crashing_once_ready in pod.image:
                self._pods[at] = replace(pod, ended="OOMKilled (exit code 137)", restarts=1)
                return True
            if not pod.ready and pod.image not in self.never_ready:
                self._pods[at] = self._settled(pod)
                return True
        return False

    def _crashes(self, image: str) -> bool:
        if self._migrates is not None and self._migrates in image:
            self.migrated = True
        if self._puts_back is not None and self._puts_back in image:
            self.migrated = False
        spoilt = self.migrated and self._migrates not in image
        return spoilt or (self._crashing is not None and self._crashing in image)

    def _roll_stateful(self) -> bool:
        """One pod at a time, from the last; nothing moves while one is not ready (OrderedReady)."""
        names = {pod.name for pod in self._pods}
        missing = next((n for n in range(self.wanted_replicas) if f"app-{n}" not in names), None)
        if missing is not None:
            self._pods.append(self._new_pod(missing))
            return True
        if not all(pod.ready for pod in self._pods):
            return False
        old = [pod for pod in self._pods if pod.image != self.image]
        if old:
            last = max(old, key=lambda pod: int(pod.name.rpartition("-")[2]))
            self._pods.remove(last)
        return bool(old)

    def _roll_deployment(self) -> bool:
        """One pod more than wanted, never one less; old pods that are not ready go first."""
        old = [pod for pod in self._pods if pod.image != self.image]
        new = [pod for pod in self._pods if pod.image == self.image]
        unready_old = [pod for pod in old if not pod.ready]
        if unready_old:
            self._pods.remove(unready_old[0])
        elif old and len(self._pods) > self.wanted_replicas:
            if not all(pod.ready for pod in new):
                return False
            self._pods.remove(old[0])
        elif len(new) < self.wanted_replicas:
            self._pods.append(self._new_pod(self._made))
        else:
            return False
        return True

    def _tell_if_new(self) -> None:
        snapshot = self._snapshot()
        if self._tell is not None and snapshot != self._last_told:
            self._last_told = snapshot
            self._tell(WorkloadChanged(self._time.now_ns(), snapshot))
