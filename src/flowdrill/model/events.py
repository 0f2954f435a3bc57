"""What a run writes down as it happens: one line of `events.jsonl` each.

Every event carries `at_ns`, CLOCK_MONOTONIC of the harness's host when it was written. Everything a report says is
computed from these, the outcomes and the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from flowdrill.model.instant import Instant
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
    UNSTEADY = "unsteady"  # the baseline did not hold; nothing was touched
    NOT_BROKEN = "not broken"  # the fault did not reach users within its limit
    INTERRUPTED = "interrupted"  # SIGINT or SIGTERM
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
    event: Literal["run started"] = "run started"


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
    event: Literal["undo registered"] = "undo registered"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """The workload's image was set: request sent, answer accepted."""

    at_ns: int
    purpose: Purpose
    image: str
    instant: Instant
    identity: str | None  # impersonated user; None = the harness's own
    event: Literal["image set"] = "image set"


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """The workload or one of its pods changed, as a watch told."""

    at_ns: int
    snapshot: WorkloadSnapshot
    event: Literal["workload seen"] = "workload seen"


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
class RunEnded:
    """The last event of every run that was not killed."""

    at_ns: int
    end: End
    why: str
    clock: ClockPair
    left_behind: tuple[str, ...] = field(default=())
    event: Literal["run ended"] = "run ended"


Event = (
    RunStarted
    | PhaseStarted
    | Checked
    | StableImageSeen
    | BrakeSeen
    | BrokenImageMade
    | BaselineHeld
    | UndoRegistered
    | ImageSet
    | WorkloadSeen
    | Detected
    | Decided
    | RolledBack
    | RecoveryHeld
    | EvidenceTaken
    | Noted
    | RunEnded
)
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def event_to_json(event: Event) -> bytes:
    """Return one line of JSON, without its line end."""
    return _EVENT.dump_json(event)


def event_from_json(line: bytes | str) -> Event:
    """Return the event of one line; pydantic's ValidationError (a ValueError) when it is none."""
    return _EVENT.validate_json(line)
