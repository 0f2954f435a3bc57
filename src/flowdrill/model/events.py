"""What a run writes down as it happens: one line of `events.jsonl` each.

Every event carries `at_ns`, CLOCK_MONOTONIC of the harness's host when it was written. Everything a report says is
computed from these, the outcomes and the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from flowdrill.model.activity import ActivityEnd, ActivityPlace
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.audit_facts import AuditFacts
from flowdrill.model.instant import Instant
from flowdrill.model.kubernetes_signals import SignalKind
from flowdrill.model.limits_plan import Limit, LimitName
from flowdrill.model.readiness import Readiness
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadSnapshot


class Phase(StrEnum):
    """The phases of a run, in order."""

    PREFLIGHT = "preflight"
    BASELINE = "baseline"
    BREAK = "break"
    DETECT = "detect"
    ROLL_BACK = "roll back"
    SETTLE = "settle"
    RESTORE = "restore"


class Purpose(StrEnum):
    """Why the workload's image was set."""

    BREAK = "break"
    ROLL_BACK = "roll back"
    RESTORE = "restore"


class End(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"  # broken, and observed until recovery held or a limit passed
    REFUSED = "refused"  # preflight failed; nothing was touched
    UNSTEADY = "unsteady"  # the steady state did not hold; nothing was broken
    NOT_BROKEN = "not broken"  # the fault did not reach users within its limit
    INTERRUPTED = "interrupted"  # SIGINT or SIGTERM
    LIMIT = "stopped by a limit"  # one of the drill's limits was reached
    FAILED = "failed"  # the harness, Locust or the cluster failed in mid-run


@dataclass(frozen=True, slots=True)
class ClockPair:
    """One moment on both clocks; two pairs tie the run to UTC and show clock steps."""

    monotonic_ns: int
    utc_ns: int


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    name: str
    status: Status
    required: str
    observed: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event of every run."""

    at_ns: int
    run_id: str
    tool_version: str
    plan_digest: str
    clock: ClockPair
    cluster: str
    kubernetes_version: str
    host: str
    approved: bool = False
    event: Literal["run started"] = "run started"


@dataclass(frozen=True, slots=True)
class AuditFactsTold:
    """What only this run knows of its people, its clock and the run before it."""

    at_ns: int
    facts: AuditFacts
    event: Literal["audit facts told"] = "audit facts told"


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase began."""

    at_ns: int
    phase: Phase
    event: Literal["phase started"] = "phase started"


@dataclass(frozen=True, slots=True)
class Checked:
    """A check was made: in preflight, or after the restore."""

    at_ns: int
    check: Check
    event: Literal["checked"] = "checked"


@dataclass(frozen=True, slots=True)
class StableImageSeen:
    """The image that runs before the drill."""

    at_ns: int
    reference: str  # as in the workload's template
    pinned: str  # registry/repository@sha256:…
    digest: str
    other_digests: tuple[str, ...] = ()  # the platforms' manifests when the digest is an index's
    event: Literal["stable image seen"] = "stable image seen"


@dataclass(frozen=True, slots=True)
class BrakeSeen:
    """Everything preflight saw of the way back."""

    at_ns: int
    readiness: Readiness
    event: Literal["brake seen"] = "brake seen"


@dataclass(frozen=True, slots=True)
class BrokenImageMade:
    """The broken image was pushed."""

    at_ns: int
    reference: str
    digest: str
    changes: tuple[str, ...]
    new_bytes: int
    event: Literal["broken image made"] = "broken image made"


@dataclass(frozen=True, slots=True)
class BaselineHeld:
    """The steady state before the break, and the error ratio p0 that the detector takes for normal."""

    at_ns: int
    window: Instant
    finished: int
    bad: int
    normal_bad_ratio: float
    event: Literal["baseline held"] = "baseline held"


@dataclass(frozen=True, slots=True)
class UndoRegistered:
    """How to put things back is written down outside this process."""

    at_ns: int
    where: str
    image: str
    digest: str = ""  # of the undo: what tells it from one that somebody has changed
    event: Literal["undo registered"] = "undo registered"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The workload's image was set: request sent, answer accepted."""

    at_ns: int
    purpose: Purpose
    image: str
    instant: Instant
    identity: str | None  # who did it; None = the harness itself
    how: str = ""  # in words; "" for a patch of the image
    strategy: str = ""  # of a rollback: a Strategy, or "human"
    event: Literal["image set"] = "image set"

    @property
    def by_people(self) -> bool:
        """Whether people did it by themselves."""
        return self.strategy == "human"


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """The workload or one of its pods changed, as a watch told."""

    at_ns: int
    snapshot: WorkloadSnapshot
    event: Literal["workload seen"] = "workload seen"


@dataclass(frozen=True, slots=True)
class SignalSeen:
    """Kubernetes said something of a kind about the broken release for the first time."""

    at_ns: int
    instant: Instant
    kind: SignalKind
    pod: str | None
    says: str
    event: Literal["signal seen"] = "signal seen"


@dataclass(frozen=True, slots=True)
class Detected:
    """A detector said that the service is broken."""

    at_ns: int
    detector: str
    instant: Instant
    newest_outcome_ns: int | None  # when the newest outcome it had used became known; None when it uses none
    statistic: float | None
    threshold: float | None
    triggers: bool
    says: str = ""  # what it saw, in its own words
    event: Literal["detected"] = "detected"


@dataclass(frozen=True, slots=True)
class AlertStageSeen:
    """An alert that must fire reached a stage for the first time since it was last quiet."""

    at_ns: int
    alert: str
    stage: AlertStage
    instant: Instant
    says: str = ""
    event: Literal["alert stage seen"] = "alert stage seen"


@dataclass(frozen=True, slots=True)
class AlertEnded:
    """An alert that had reached `stage` no longer fires, or was kept from people."""

    at_ns: int
    alert: str
    stage: AlertStage
    says: str
    why: AlertEnd = AlertEnd.RESOLVED
    event: Literal["alert ended"] = "alert ended"


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """A source of alerts went away (`problem`), or came back (None): what it would have shown meanwhile is unknown."""

    at_ns: int
    source: str
    problem: str | None
    event: Literal["source changed"] = "source changed"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody said that they have noticed."""

    at_ns: int
    instant: Instant
    by: str
    how: str
    event: Literal["acknowledged"] = "acknowledged"


@dataclass(frozen=True, slots=True)
class Injected:
    """People were told something, as the drill has it (`by` is "the drill") or by whoever leads the game day."""

    at_ns: int
    text: str
    by: str
    event: Literal["injected"] = "injected"


@dataclass(frozen=True, slots=True)
class ObstaclePut:
    """Something was put in the way of the rollback."""

    at_ns: int
    obstacle: str
    what: str
    event: Literal["obstacle put"] = "obstacle put"


@dataclass(frozen=True, slots=True)
class ObstacleTaken:
    """What was in the way of the rollback was taken away again; `problem` says what is left of it."""

    at_ns: int
    obstacle: str
    problem: str | None
    event: Literal["obstacle taken"] = "obstacle taken"


@dataclass(frozen=True, slots=True)
class ActivityStarted:
    """A Chaos Toolkit activity of the drill began: [told to begin, its process said that it has]."""

    at_ns: int
    place: ActivityPlace
    name: str
    instant: Instant
    event: Literal["activity started"] = "activity started"


@dataclass(frozen=True, slots=True)
class ActivityEnded:
    """A Chaos Toolkit activity of the drill is over; `instant` is None for one that never began."""

    at_ns: int
    place: ActivityPlace
    name: str
    instant: Instant | None
    end: ActivityEnd
    tolerance_met: bool | None  # None: it has no tolerance, or no answer
    says: str
    event: Literal["activity ended"] = "activity ended"


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """The limits that stop this run from now on."""

    at_ns: int
    limits: tuple[Limit, ...]
    event: Literal["limits in force"] = "limits in force"


@dataclass(frozen=True, slots=True)
class LimitLook:
    """What a limit looks at is seen from now on (`problem` None), or cannot be seen."""

    at_ns: int
    limit: LimitName
    problem: str | None
    event: Literal["limit look"] = "limit look"


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit was reached: the drill stops, and everything is put back."""

    at_ns: int
    limit: LimitName
    observed: str
    event: Literal["limit reached"] = "limit reached"


@dataclass(frozen=True, slots=True)
class Decided:
    """The policy, or a human, said roll back."""

    at_ns: int
    instant: Instant
    by: str
    event: Literal["decided"] = "decided"


@dataclass(frozen=True, slots=True)
class RolledBack:
    """Every replica runs the stable digest and no broken pod is left."""

    at_ns: int
    instant: Instant
    event: Literal["rolled back"] = "rolled back"


@dataclass(frozen=True, slots=True)
class RecoveryHeld:
    """Users were served for the whole hold window."""

    at_ns: int
    event: Literal["recovery held"] = "recovery held"


@dataclass(frozen=True, slots=True)
class EvidenceTaken:
    """Something was saved in the run folder's `evidence/`."""

    at_ns: int
    path: str  # relative to the run folder
    what: str
    event: Literal["evidence taken"] = "evidence taken"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a reader of the report should know."""

    at_ns: int
    text: str
    event: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class GuardTookOver:
    """Somebody else than the harness begins to put everything back: in `guard.jsonl`."""

    at_ns: int
    by: str  # the guard, or `flowdrill restore`, and where
    why: str
    clock: ClockPair
    event: Literal["guard took over"] = "guard took over"


@dataclass(frozen=True, slots=True)
class GuardEnded:
    """Whoever took over is done."""

    at_ns: int
    restored: bool
    says: str
    clock: ClockPair
    left_behind: tuple[str, ...] = field(default=())
    event: Literal["guard ended"] = "guard ended"


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event of every run that was not killed."""

    at_ns: int
    end: End
    why: str
    clock: ClockPair
    left_behind: tuple[str, ...] = field(default=())
    outcomes: int | None = None  # of how many requests the harness knew the fate: the record must hold as many
    event: Literal["run ended"] = "run ended"


Event = (
    RunStarted
    | AuditFactsTold
    | PhaseStarted
    | Checked
    | StableImageSeen
    | BrakeSeen
    | BrokenImageMade
    | BaselineHeld
    | UndoRegistered
    | ImageSet
    | WorkloadSeen
    | SignalSeen
    | Detected
    | AlertStageSeen
    | AlertEnded
    | SourceChanged
    | Acknowledged
    | Injected
    | ObstaclePut
    | ObstacleTaken
    | ActivityStarted
    | ActivityEnded
    | LimitsInForce
    | LimitLook
    | LimitReached
    | Decided
    | RolledBack
    | RecoveryHeld
    | EvidenceTaken
    | Noted
    | GuardTookOver
    | GuardEnded
    | RunEnded
)
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def event_to_json(event: Event) -> bytes:
    """Return one line of JSON, without its line end."""
    return _EVENT.dump_json(event)


def event_from_json(line: bytes | str) -> Event:
    """Return the event of one line; pydantic's ValidationError (a ValueError) when it is none."""
    return _EVENT.validate_json(line)
