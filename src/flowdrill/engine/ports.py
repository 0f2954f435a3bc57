"""The ports: what a run needs from the world. Edges implement them; the tests' fakes pass the same contract tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowdrill.engine.facts import Fact, Step
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.activity import ActivitySlot
from flowdrill.model.alerts import AlertRule, Silence
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.container_fields import NO_FIELDS, Fields
from flowdrill.model.events import ClockPair, Event
from flowdrill.model.image_health import ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, VersionUnknown
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.provider_log import WrittenLog
from flowdrill.model.release import Release
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.scanner_report import ScannerReport
from flowdrill.model.scenario import ProviderChange, Scenario, WorkloadChanges
from flowdrill.model.standing import Standing
from flowdrill.model.surroundings import PullSecret, Surroundings
from flowdrill.model.target_labels import TargetLabels
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadSnapshot

Emit = Callable[[Event], None]
Tell = Callable[[Fact], None]


class Clock(Protocol):
    """CLOCK_MONOTONIC of this host."""

    def now_ns(self) -> int:
        """Return the current instant."""
        ...

    def pair(self) -> ClockPair:
        """Return one moment on the monotonic and the UTC clock."""
        ...


class Inbox(Protocol):
    """Where facts from all sources arrive, in order."""

    def next(self, deadline_ns: int) -> Fact | None:
        """Return the next fact, or None once the clock has reached `deadline_ns` (at once when it has)."""
        ...


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


class Registry(Protocol):
    """The registry that holds the stable image. Every method raises RegistryError or ImageMissingError."""

    def retained(self, reference: ImageReference) -> RetainedImage:
        """Return what `reference` (tag or digest) resolves to; its manifest and every blob it names were found."""
        ...

    def examine(
        self, references: Sequence[ImageReference], tier: Tier, *, sample: float = 1.0, seed: str = "",
        platforms: tuple[str, ...] | None = None, told: Callable[[int, int], None] | None = None,
    ) -> tuple[ImageHealth, ...]:  # fmt: skip
        """Look at many images at once, and return their healths in the order given. `platforms` (os/architecture) are
        those wanted of an index. At tier bytes `sample` of the blobs are downloaded, and `seed` says which; `told`
        hears how many of the distinct images are done. Raises nothing that a registry answers, or leaves unanswered."""
        ...

    def resolve(self, reference: ImageReference) -> str | None:
        """Return the digest that the reference's tag has now (its digest's own where it has no tag), or None when
        there is no such tag."""
        ...

    def tags(self, reference: ImageReference) -> tuple[str, ...]:
        """Return every tag of the reference's repository."""
        ...

    def pullable(self, reference: ImageReference, pull_secrets: Sequence[PullSecret]) -> ImageHealth:
        """Look at tier exists as the kubelet would pull: with the logins of these secrets that are for the image, or
        with none; never with the harness's own. Raises nothing that a registry answers."""
        ...

    def langflow_version(self, reference: ImageReference) -> FoundVersion | VersionUnknown:
        """Return which LangFlow an image has, or why that was not found out within a few seconds."""
        ...

    def prepare_broken(self, stable: ImageReference, scenario: Scenario, run_id: str) -> PreparedImage:
        """Compute the broken image: the stable one (given by digest) plus the scenario's one layer. Pushes nothing.
        PlanError when a change finds nothing to change."""
        ...

    def prepare_program(self, stable: ImageReference, program: Program, run_id: str) -> PreparedImage:
        """Compute an image that runs `program` on the stable one (given by digest), which it differs from by one
        layer. Pushes nothing."""
        ...

    def push(self, prepared: PreparedImage) -> None:
        """Push a prepared image: its new blobs, and its manifest under its tag."""
        ...

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        """Delete a pushed image's tag, manifest and own blobs; return what is left behind, each with the reason."""
        ...


class LedgerBook(Protocol):
    """Where the ledger of one workload is kept. Every method raises LedgerError, and what its store raises."""

    def read(self) -> Ledger:
        """Return the whole ledger, an empty one where none exists yet; BrokenLedgerError at the first bad entry."""
        ...

    def append(self, digest: str, reference: str, by: str, note: str) -> LedgerEntry:
        """Add one entry and return it as it was written. What `by` has said of `digest` before is not said again: the
        entry that is there is returned. PlanError when a text must not be in a ledger."""
        ...


class Scanner(Protocol):
    """A vulnerability scanner, or the report that one has written."""

    def report(self, image: ImageReference) -> ScannerReport:
        """Return the report of an image (given by digest), of whatever image it is. PlanError when a report that was
        named cannot be used; ScannerError when the scanner could not be asked."""
        ...


class Load(Protocol):
    """The load generator, in processes of its own."""

    def start(self, tell: Tell) -> None:
        """Start sending requests; from now on tell their records. LoadError when it does not start."""
        ...

    def stop(self) -> None:
        """Stop it, wait until it is gone, and tell the last records. Harmless when not running."""
        ...

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path relative to the run folder, what it shows) of what the load has written there."""
        ...


class Source(Protocol):
    """What tells facts beside the load and the workload's watch: alerts, people, and who suffers around the drill."""

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is seen. Raises nothing: what is away is told."""
        ...

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        ...


class AuditTrail(Protocol):
    """The API server's own record of who has changed the workload."""

    def begin(self) -> None:
        """Look only at what is written from now on. Raises nothing."""
        ...

    def changes(self) -> tuple[AuditedChange, ...]:
        """Return every accepted change of the workload since then by anybody but flowdrill, oldest first, as far as it
        is written by now. Raises nothing: what cannot be read is not there."""
        ...


class AlertSource(Source, Protocol):
    """A Prometheus with the alerts that must fire, and the Alertmanager they must get to. But for what a source does,
    every method raises AlertSourceError, and AlertSourceAwayError where there was no answer."""

    def rules(self) -> tuple[AlertRule, ...]:
        """Return every alerting rule that Prometheus has."""
        ...

    def problem_of(self, query: str) -> str | None:
        """Return what Prometheus says against a PromQL, or that its answer is no vector; None when it is one."""
        ...

    def holds(self, query: str) -> bool:
        """Return whether a PromQL has a value now."""
        ...

    def without_series(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Return those of the metrics that have no series now."""
        ...

    def metric_names(self) -> tuple[str, ...]:
        """Return the names of all metrics that there are, as many as one answer may hold."""
        ...

    def alertmanagers(self) -> tuple[str, ...]:
        """Return the URLs of the Alertmanagers that Prometheus sends alerts to."""
        ...

    def already_received(self) -> tuple[str, ...]:
        """Return those of the drill's alerts that Alertmanager has now, by their names."""
        ...

    def silences(self) -> tuple[Silence, ...]:
        """Return the active silences of the Alertmanager that the drill names."""
        ...


class RollbackAttempt(Protocol):
    """A rollback under way."""

    def taken(self) -> RollbackTaken | None:
        """Return what came of it, or None while it is not over."""
        ...

    def stop(self) -> None:
        """End it, whatever it is doing. Harmless when it is over."""
        ...


class RollbackStrategy(Protocol):
    """A way to bring the stable image back."""

    def begin(self, request: RollbackRequest) -> RollbackAttempt:
        """Begin. ForbiddenError when the API server refuses at once; ClusterError and its kind come through."""
        ...


class RollbackProgram(Protocol):
    """The team's own rollback, as a program of this host."""

    def found(self) -> str:
        """Return where the program is; PlanError when it is not there, or must not be run."""
        ...


class Activities(Protocol):
    """The drill's Chaos Toolkit activities, each in a process of its own."""

    def problems(self) -> tuple[str, ...]:
        """Return what Chaos Toolkit has against them, a sentence each, none when all could run: their modules are
        imported and their arguments held against the functions; nothing is run. MissingPartError without Chaos
        Toolkit."""
        ...

    def start(self, tell: Tell) -> None:
        """From now on tell what becomes of them; start the processes of those that wait for a moment, and return once
        they could begin at once. ActivityError when one cannot. The calling thread must live as long as they do."""
        ...

    def begin(self, slot: ActivitySlot, at_ns: int = 0) -> None:
        """Have one begin, not before `at_ns`. Returns at once: what becomes of it is told, within its limit."""
        ...

    def stop(self) -> None:
        """End all that run, or wait to begin, and everything that they have started. Returns at once."""
        ...

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path relative to the run folder, what it shows) of what is written of them."""
        ...


class Obstacle(Protocol):
    """Something that stands in the way of a rollback, and can be taken away again. Its methods raise FlowdrillErrors,
    also half-way: then it is taken away all the same."""

    @property
    def name(self) -> str:
        """What it is called in a drill."""
        ...

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Find out whether it can be put, and how it would be taken away by hand. Changes nothing; comes before
        `put`."""
        ...

    def put(self) -> str:
        """Put it in the way; return what was done, in words."""
        ...

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know what another process has found out in `look` (its answer's memory): from now on it can be taken away, as
        if it had been put here. ValueError when `memory` is none of its own."""
        ...

    def take_away(self) -> str | None:
        """Take it away; return what of it is left, or None. Harmless when it is not there."""
        ...

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return (file name, what it shows, text) of what it has to show for itself, redacted."""
        ...


class GuardJob(Protocol):
    """A guard in the cluster: a Job that goes on when this whole host is gone. Every method raises ClusterError or
    ForbiddenError."""

    def try_out(self, run_id: str) -> None:
        """Have the API server check the Job and its pod, and keep nothing. ClusterError, too, when its service account
        is not there."""
        ...

    def create(self, undo: Undo) -> None:
        """Create it for the undo's run. Returns once accepted."""
        ...

    def unready(self) -> str | None:
        """Return what keeps it from watching over the run, or None once it does."""
        ...

    def remove(self, run_id: str) -> str | None:
        """Delete what `create` has made for this run, and nothing else; return what of it is still there, or None.
        Harmless when it is gone, or was never made."""
        ...


class LoadJobs(Protocol):
    """The load as Jobs in the cluster. `try_out` and `remove` raise ClusterError or ForbiddenError."""

    def try_out(self, run_id: str) -> None:
        """Have the API server check the Jobs, their pods and what keeps others away from them, and keep nothing."""
        ...

    def image(self) -> str:
        """Return what their pods run."""
        ...

    def remove(self, run_id: str) -> str | None:
        """Delete what was made for this run, and nothing else; return what of it is still there, or None. Harmless
        when it is gone, or was never made."""
        ...


class EvidenceFolder(Protocol):
    """Where evidence is kept."""

    def save(self, name: str, text: str) -> str:
        """Write a file and return its path relative to the run folder."""
        ...

    def remember_undo(self, undo: Undo) -> None:
        """Write the undo down, so that it survives this process and a power cut."""
        ...

    def remember_standing(self, standing: Standing) -> None:
        """Write down how everything stood before the drill, so that it survives the same."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPorts:
    """What is needed to look and to try, and to change nothing."""

    clock: Clock
    workload: Workload
    registry: Registry
    provider: Provider | None = None  # where the drill names one
    scanner: Scanner | None = None  # where the drill's policy names one
    ledger: LedgerBook | None = None
    obstacles: tuple[Obstacle, ...] = ()  # in the drill's order
    program: RollbackProgram | None = None  # where the drill's strategy is a command
    alerts: AlertSource | None = None  # where the drill names alerts that must fire
    guard_job: GuardJob | None = None  # where the drill names a guard in the cluster
    activities: Activities | None = None  # where the drill has some of Chaos Toolkit's
    load_jobs: LoadJobs | None = None  # where the load is sent from the cluster


class Guard(Protocol):
    """What puts everything back when this process cannot: it dies, hangs, or loses the cluster."""

    def begin(self, undo: Undo, tell: Tell) -> None:
        """Have it watch over the run from now on, and tell when it has taken over: before the workload is locked, so
        that nobody has to take away a lock that a dead harness has left. GuardError when it cannot."""
        ...

    def keep_lease(self, undo: Undo) -> None:
        """The workload is locked: keep the Lease, and have the guard act when that does not work."""
        ...

    def await_ready(self) -> None:
        """Return once it could act; GuardError when it does not get ready. Nothing may be broken before."""
        ...

    def await_end(self) -> str:
        """Wait until it has done what it has taken over; return what came of it, in words."""
        ...

    def stop_renewing(self, undo: Undo) -> None:
        """Renew the Lease once more, and then no more: it is about to be given back. GuardActsError when somebody else
        has it, or had it."""
        ...

    def dismiss(self) -> None:
        """Everything is put back: let it go. Harmless when it was never there."""
        ...

    def leave_to_it(self) -> str | None:
        """This run has not put everything back: let it go on trying. Return where it tells of it, None when there is no
        guard that could."""
        ...


class Steering(Protocol):
    """Whoever carries the drill from step to step in the drill's place: an experiment of Chaos Toolkit."""

    @property
    def words(self) -> str:
        """Who it is, for the record."""
        ...

    def arrived(self, step: Step) -> None:
        """The drill has come to this step, and waits until it is told to take it. Raises nothing, never blocks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePorts(LookPorts):
    """What is needed to put everything back."""

    evidence: EvidenceFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(RestorePorts):
    """Everything a run is handed."""

    inbox: Inbox
    tell: Tell
    load: Load
    rollback: RollbackStrategy
    sources: tuple[Source, ...] = ()
    around: Mapping[LimitName, Source] = field(default_factory=dict)  # who looks at what a limit is about
    audit: AuditTrail | None = None  # where the API server's audit log can be read
    guard: Guard | None = None
    steering: Steering | None = None  # None: the drill goes on by itself
