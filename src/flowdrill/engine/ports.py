"""The ports: what a run needs from the world. Edges implement them; the tests' fakes pass the same contract tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowdrill.engine.facts import Fact
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.events import ClockPair, Event
from flowdrill.model.image_health import ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, VersionUnknown
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.provider_log import WrittenLog
from flowdrill.model.release import NO_FIELDS, Fields, Release
from flowdrill.model.scanner_report import ScannerReport
from flowdrill.model.scenario import ProviderChange, Scenario, WorkloadChanges
from flowdrill.model.surroundings import PullSecret, Surroundings
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
        """Patch the container's image and other `fields` of it (whole; None removes one), and the change-cause
        annotation (None removes it). Returns once accepted. `by`: who sends it."""
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


class EvidenceFolder(Protocol):
    """Where evidence is kept."""

    def save(self, name: str, text: str) -> str:
        """Write a file and return its path relative to the run folder."""
        ...

    def remember_undo(self, undo: Undo) -> None:
        """Write the undo down, so that it survives this process and a power cut."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(LookPorts):
    """Everything a run is handed."""

    inbox: Inbox
    tell: Tell
    load: Load
    evidence: EvidenceFolder
