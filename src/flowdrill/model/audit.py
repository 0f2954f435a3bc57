"""The `audit` of a result: who, on what authority, what was wrong, and what becomes of it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from flowdrill.model.status import Status
from flowdrill.model.strict import Strict


class NamedPerson(Strict):
    """A name as it was claimed: nothing proves it."""

    name: str
    source: str = Field(description="where it comes from: an option, a variable, this host's user")


class PersonInRole(Strict):
    """Somebody who was to take part."""

    name: str
    role: str


class ClockFacts(Strict):
    """By which clock all times are."""

    source: str = Field(description="the clock, and the host")
    started: str = Field(description="UTC, ISO 8601: where the two clocks were tied together")
    finished: str | None = Field(description="UTC, ISO 8601: where they were compared again; null when it was cut off")
    step_seconds: float | None = Field(description="how far UTC moved against the monotonic clock meanwhile")
    synchronised: bool | None = Field(
        description="whether the host's kernel says that UTC is kept in step; null: unknown"
    )
    offset_seconds: float | None = Field(description="that the kernel was still correcting; null: unknown")
    max_error_seconds: float | None = Field(description="the kernel's bound of the error; null: unknown")


class ScenarioFacts(Strict):
    """What was put to the test, and what that takes for granted."""

    name: str
    story: str
    assumptions: tuple[str, ...]


class Target(Strict):
    """What was wanted, against what came out."""

    name: str
    status: Status
    required: str
    observed: str


class DeviationKind(StrEnum):
    """What went other than the plan says."""

    END = "end"
    LIMIT = "limit"
    PEOPLE = "people"
    CHECK = "check"
    NOTE = "note"


class Deviation(Strict):
    """One of these."""

    kind: DeviationKind
    what: str


class Severity(StrEnum):
    """How much a finding weighs: it failed, nobody knows, or it holds and somebody should look."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class FindingKind(StrEnum):
    """What a finding is about."""

    OBJECTIVE = "objective"
    CHECK = "check"
    LIMIT = "limit"
    REACH = "reach"
    VERDICT = "verdict"


class Finding(Strict):
    """Something that did not hold, or that nobody knows."""

    id: str = Field(description="the same in every run of the drill on this workload that finds it")
    kind: FindingKind
    name: str
    severity: Severity
    status: Status
    required: str
    observed: str
    owner: str | None = Field(description="null: the plan names nobody")
    due: str | None = Field(description="a day, ISO 8601; null: the plan sets no time")


class PreviousRun(Strict):
    """The run of the same drill before this one."""

    id: str
    found: str
    verdict: str | None = Field(description="null: its folder holds no result")
    finished: str | None
    same_plan: bool | None = Field(description="whether it had the same plan digest; null: unknown")
    digest: str | None = Field(description="sha256:… of the file that stands for all of its files")
    digest_of: str | None = Field(description="that file: its attestation, or SHA256SUMS where it was not signed")


class EvidenceField(Strict):
    """A field of this result, as evidence."""

    field: str = Field(description="its place in this result: run.plan_digest")
    value: str | None = Field(description="what it says, in a few words; null: there is no such evidence in this run")


class ControlEvidence(Strict):
    """What of this run is evidence for one requirement. It is no statement that the requirement is met."""

    framework: str
    reference: str
    asks: str
    evidence: tuple[EvidenceField, ...]


class ControlMapping(Strict):
    """Which requirement this result is evidence for, by the mapping that was recorded with the run."""

    mapping: str
    as_of: str
    digest: str = Field(description="sha256:… of the run folder's controls.json")
    controls: tuple[ControlEvidence, ...]


class Audit(Strict):
    """What an auditor asks of a run. Names are claims; see docs/audit.md for what is proven."""

    run_id: str
    purpose: str | None
    ran_by: NamedPerson | None = Field(description="null: the run is of a flowdrill that did not record it")
    approved_by: NamedPerson | None
    plan_approved: bool = Field(description="whether this very plan digest was given as approved")
    separate_approver: bool = Field(description="whether the plan asks for an approver who is not who runs it")
    participants: tuple[PersonInRole, ...]
    rolled_back_by: str | None = Field(description="the identity that took the way back; null: it was not taken")
    clock: ClockFacts
    tool_version: str
    plan_digest: str
    configuration_digest: str | None = Field(description="sha256:… of the run folder's plan.json")
    record_digest: str | None = Field(
        description="sha256:… of the lines that `sha256sum` prints of all that was recorded: what is signed by hand"
    )
    cluster: str
    namespace: str
    workload: str
    scenario: ScenarioFacts
    risk: str | None
    change_ticket: str | None
    targets: tuple[Target, ...]
    deviations: tuple[Deviation, ...]
    findings: tuple[Finding, ...]
    retest_on: str | None = Field(description="a day, ISO 8601; null: the plan sets none")
    previous_run: PreviousRun | None
    previous_run_reference: str | None = Field(description="where the plan says that the run before is kept")
    controls: ControlMapping | None = Field(description="null: no mapping was recorded with the run")
