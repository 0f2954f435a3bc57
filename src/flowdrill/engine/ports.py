"""The ports: what a run needs from the world. Edges implement them; the tests' fakes pass the same contract tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flowdrill.engine.facts import Fact, Step, Tell
from flowdrill.engine.guard_ports import Guard, GuardJob, LoadJobs, Obstacle
from flowdrill.engine.image_ports import LedgerBook, Registry, Scanner
from flowdrill.engine.source_ports import AlertSource, AuditTrail, Source
from flowdrill.engine.workload_ports import Provider, Workload
from flowdrill.model.activity import ActivitySlot
from flowdrill.model.events import ClockPair, Event
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.standing import Standing
from flowdrill.model.undo import Undo

Emit = Callable[[Event], None]


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


class Load(Protocol):
    """The load generator, in processes of its own."""

    def get_ready(self) -> None:
        """Do already what sends no request, so that `start` takes less time. Returns at once and raises nothing: what
        fails is told by `start`, which needs no call of this. `stop` ends what it has begun."""
        ...

    def start(self, tell: Tell) -> None:
        """Start sending requests; from now on tell their records. LoadError when it does not start."""
        ...

    def stop(self) -> None:
        """Stop it, wait until it is gone, and tell the last records. Harmless when not running."""
        ...

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path relative to the run folder, what it shows) of what the load has written there."""
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
