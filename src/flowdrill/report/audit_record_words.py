"""What the audit block of a result says, in words: who, what was wrong, what it is evidence for, and what is signed."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.audit import (
    Audit,
    ClockFacts,
    ControlEvidence,
    DeviationKind,
    EvidenceField,
    Finding,
    FindingKind,
    PreviousRun,
)
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result
from flowdrill.model.status import Status
from flowdrill.report.words import VERDICT_WORDS, assessed_words

RECOMPUTE = (
    "grep -E '  (controls.json|events.jsonl|evidence/.*|guard.jsonl|load/.*|locust.log|outcomes.bin|plan.json)$' "
    "SHA256SUMS | sha256sum"
)
_FIELDS = {
    "audit.rolled_back_by": "Rolled back by",
    "audit.ran_by": "Run by",
    "audit.record_digest": "Digest of the record",
    "audit.retest_on": "Next test",
    "audit.scenario": "Scenario and its assumptions",
    "audit.targets": "Targets against results",
    "evidence": "Files of evidence",
    "images.broken": "Broken image",
    "images.stable": "Stable image, to be rolled back to",
    "instants.recovered": "Recovered at",
    "instants.rolled_back": "Rolled back at",
    "readiness.access": "Who may roll back",
    "readiness.ledger_head": "Ledger of verified images",
    "readiness.reach": "How far back it can be rolled",
    "requests.by_reason": "Bad requests by reason",
    "requests.total": "Requests of users",
    "rollback": "How the way back was taken",
    "run.started": "Tested at",
}


def recompute_of(result: Result) -> str:
    """Return the command that prints the record's digest."""
    return RECOMPUTE if result.load is None else RECOMPUTE.replace("outcomes.bin|", "outcomes.bins|")


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as people read it."""

    id: str
    status: Status
    severity: str
    about: str
    wrong: str
    required: str
    owner: str
    due: str


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A requirement with what this run has for it, and the names of what it has not."""

    framework: str
    reference: str
    asks: str
    held: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Everything that the report's sections for an auditor say."""

    facts: tuple[tuple[str, str], ...]
    assumptions: tuple[str, ...]
    findings: tuple[FindingRow, ...]
    follow_up: str
    deviations: tuple[str, ...]
    mapping: str
    evidence: tuple[EvidenceRow, ...]
    signed: str
    signers: tuple[tuple[str, str], ...]


def audit_page(result: Result) -> AuditPage | None:
    """Return what the sections say; None for a result without an audit block."""
    audit = result.audit
    if audit is None:
        return None
    return AuditPage(
        facts=tuple(_facts(result, audit)),
        assumptions=audit.scenario.assumptions,
        findings=tuple(map(_row, audit.findings)),
        follow_up=follow_up_sentence(audit),
        # a check that warns is a finding, which is told above
        deviations=tuple(one.what for one in audit.deviations if one.kind is not DeviationKind.CHECK),
        mapping=_mapping_sentence(audit),
        evidence=tuple(map(_evidence, audit.controls.controls if audit.controls is not None else ())),
        signed=audit.record_digest or "not known",
        signers=(
            ("Ran it", audit.ran_by.name if audit.ran_by is not None else ""),
            ("Approved it", audit.approved_by.name if audit.approved_by is not None else ""),
            ("Reviewed this report", ""),
        ),
    )


def follow_up_sentence(audit: Audit) -> str:
    """Return how many findings there are, and when the next test is."""
    count = len(audit.findings)
    found = "Nothing was found." if not count else f"{count} finding{'s' if count > 1 else ''}."
    again = (
        f"To be tested again on {audit.retest_on}." if audit.retest_on else "The plan sets no day for the next test."
    )
    return f"{found} {again}"


def finding_rows(audit: Audit) -> tuple[FindingRow, ...]:
    """Return the findings, the heaviest first."""
    return tuple(map(_row, audit.findings))


def _row(finding: Finding) -> FindingRow:
    about = {
        FindingKind.REACH: f"Earlier versions: {finding.name}",
        FindingKind.LIMIT: f"Limit: {finding.name.replace('_', ' ')}",
    }
    return FindingRow(
        id=finding.id,
        status=finding.status,
        severity=finding.severity.value,
        about=about.get(finding.kind) or assessed_words(finding.name),
        wrong=finding.observed or "–",
        required=finding.required,
        owner=finding.owner or "nobody is named",
        due=finding.due or "no day is set",
    )


def _facts(result: Result, audit: Audit) -> list[tuple[str, str]]:
    run, stable = result.run, result.images.stable
    facts = [
        ("What was tested", f"drill {run.drill}: {audit.scenario.story}"),
        ("What for", audit.purpose),
        ("When", f"{run.started} to {run.finished or 'nobody knows: it was cut off'}"),
        ("Run by", _ran_by(audit)),
        ("Approved by", _approved_by(audit)),
        ("Participants", "; ".join(f"{one.name} ({one.role})" for one in audit.participants) or "none are named"),
        ("Rolled back by", audit.rolled_back_by or "nobody: the way back was not taken"),
        ("On what", f"{audit.workload} in namespace {audit.namespace} on cluster {audit.cluster}"),
        ("Image", stable.digest if stable is not None else "not known"),
        ("Result", VERDICT_WORDS[result.verdict]),
        ("Risk", audit.risk or "none is named"),
        ("Change ticket", audit.change_ticket or "none is named"),
        ("Run before this one", _previous(audit.previous_run)),
        ("Where that is kept, as the plan says", audit.previous_run_reference),
        ("Clock", _clock(audit.clock)),
        ("Plan digest", audit.plan_digest),
        ("Configuration digest (plan.json)", audit.configuration_digest),
        ("Made by", f"flowdrill {audit.tool_version}, run {audit.run_id}"),
    ]
    return [(name, text) for name, text in facts if text is not None]


def _ran_by(audit: Audit) -> str:
    if audit.ran_by is None:
        return "not recorded"
    return f"{audit.ran_by.name}, from {audit.ran_by.source}: claimed, not proven"


def _approved_by(audit: Audit) -> str:
    given = "the digest of this very plan was given as approved"
    if audit.approved_by is None:
        return f"nobody is named; {given}" if audit.plan_approved else "nobody is named"
    named = f"{audit.approved_by.name}, from {audit.approved_by.source}: claimed, not proven"
    return f"{named}; {given}" if audit.plan_approved else f"{named}; which plan that was is not recorded"


def _previous(previous: PreviousRun | None) -> str:
    if previous is None:
        return "none was found"
    plans = {True: "the same plan", False: "another plan", None: "its plan is not known"}
    verdict = f"{previous.verdict}, as it says itself" if previous.verdict else "no result"
    digest = f"{previous.digest} ({previous.digest_of})" if previous.digest else "nothing stands for its files"
    when = f", {previous.finished}" if previous.finished else ""
    return f"{previous.id}{when}: {verdict}; {plans[previous.same_plan]}; {digest}; {previous.found}"


def _clock(clock: ClockFacts) -> str:
    moved = "unknown" if clock.step_seconds is None else f"{clock.step_seconds:+.3f} s"
    error = f", its error at most {format_seconds(clock.max_error_seconds or 0.0)}"
    kept = {
        True: f"the kernel says that UTC is kept in step{error}",
        False: "the kernel says that nothing keeps UTC in step",
        None: "whether UTC is kept in step is not known",
    }
    tied = f"{clock.source}, tied to UTC at the start; until the end UTC moved against it: {moved}"
    return f"{tied}; {kept[clock.synchronised]}"


def _mapping_sentence(audit: Audit) -> str:
    if audit.controls is None:
        return "No mapping was recorded with this run."
    return f"By {audit.controls.mapping}, as of {audit.controls.as_of}, which is recorded with the run (controls.json)."


def _evidence(control: ControlEvidence) -> EvidenceRow:
    return EvidenceRow(
        framework=control.framework,
        reference=control.reference,
        asks=control.asks,
        held=tuple((field_words(one), one.value) for one in control.evidence if one.value is not None),
        missing=tuple(field_words(one) for one in control.evidence if one.value is None),
    )


def field_words(field: EvidenceField) -> str:
    """Return a place in a result in plain words."""
    return _FIELDS.get(field.field) or assessed_words(field.field.rpartition(".")[2])
