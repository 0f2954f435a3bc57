"""The audit block of a result: a pure function of the record, and of what the rest of the result says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flowdrill.analysis.audit_findings import day_after, findings_of
from flowdrill.analysis.control_evidence import mapping_of
from flowdrill.analysis.redaction import redact
from flowdrill.analysis.run_clock import clock_step_seconds, last_seen_ns, run_started
from flowdrill.model.audit import (
    Audit,
    ClockFacts,
    Deviation,
    DeviationKind,
    NamedPerson,
    PersonInRole,
    PreviousRun,
    ScenarioFacts,
    Target,
)
from flowdrill.model.audit_facts import AuditFacts, ClaimedName, EarlierRun
from flowdrill.model.audit_plan import AuditPlan
from flowdrill.model.events import AuditFactsTold, End, GuardTookOver, RunEnded
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.noticed import GameDayKind
from flowdrill.model.result import Result
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status

_HARNESS = "the harness's own identity"


def with_audit(result: Result, record: RunRecord) -> Result:
    """Return the result with its audit block; what is evidence for what is found out last, from all the rest."""
    audited = result.model_copy(update={"audit": _audit_of(result, record)})
    if record.controls is None or audited.audit is None:
        return audited
    mapping = mapping_of(record.controls, audited, record.digests.controls)
    return audited.model_copy(update={"audit": audited.audit.model_copy(update={"controls": mapping})})


def _audit_of(result: Result, record: RunRecord) -> Audit:
    plan, run = record.drill.audit, result.run
    told = record.first(AuditFactsTold)
    facts = told.facts if told is not None else AuditFacts()
    finished = _finished(record)
    return Audit(
        run_id=run.id,
        purpose=_redacted(plan.purpose),
        ran_by=_person(facts.ran_by),
        approved_by=_person(facts.approved_by),
        plan_approved=run.approved,
        separate_approver=plan.separate_approver,
        participants=tuple(PersonInRole(name=redact(one.name), role=redact(one.role)) for one in plan.participants),
        rolled_back_by=None if result.rollback is None else result.rollback.by or _HARNESS,
        clock=_clock(result, record, facts),
        tool_version=run.tool_version,
        plan_digest=run.plan_digest,
        configuration_digest=record.digests.plan,
        record_digest=record.digests.all,
        cluster=run.cluster,
        namespace=run.namespace,
        workload=run.workload,
        scenario=_scenario(record.scenario, plan),
        risk=_redacted(plan.risk),
        change_ticket=_redacted(plan.change_ticket),
        targets=tuple(
            Target(name=one.name, status=one.status, required=one.required, observed=one.observed)
            for one in result.objectives
        ),
        deviations=tuple(_deviations(result, record)),
        findings=findings_of(result, plan.findings, finished),
        retest_on=_retest(plan, finished),
        previous_run=_previous(facts.previous, run.plan_digest),
        previous_run_reference=_redacted(plan.previous_run),
        controls=None,
    )


def _redacted(text: str | None) -> str | None:
    return None if text is None else redact(text)


def _person(claimed: ClaimedName | None) -> NamedPerson | None:
    return None if claimed is None else NamedPerson(name=redact(claimed.name), source=claimed.source)


def _finished(record: RunRecord) -> datetime:
    """In UTC; of a run that was cut off, when it was last heard of."""
    started, ended = run_started(record).clock, record.first(RunEnded)
    utc_ns = started.utc_ns + last_seen_ns(record) - started.monotonic_ns if ended is None else ended.clock.utc_ns
    return datetime.fromtimestamp(utc_ns // NS_PER_SECOND, UTC)


def _retest(plan: AuditPlan, finished: datetime) -> str | None:
    return plan.retest_on if plan.retest_within is None else day_after(finished, plan.retest_within)


def _clock(result: Result, record: RunRecord, facts: AuditFacts) -> ClockFacts:
    kept = facts.clock
    return ClockFacts(
        source=f"CLOCK_MONOTONIC of host {result.run.host}",
        started=result.run.started,
        finished=result.run.finished,
        step_seconds=clock_step_seconds(record),
        synchronised=kept.synchronised if kept else None,
        offset_seconds=kept.offset_seconds if kept else None,
        max_error_seconds=kept.max_error_seconds if kept else None,
    )


def _scenario(scenario: Scenario, plan: AuditPlan) -> ScenarioFacts:
    helps = "ends it" if scenario.rollback_helps else "does not end it"
    seen = [f"the detector {one.value} sees it" for one in scenario.detected_by]
    known = (f"users meet: {scenario.symptom.value.replace('-', ' ')}", *seen, f"a rollback of the release {helps}")
    return ScenarioFacts(
        name=scenario.scenario,
        story=" ".join(scenario.story.split()),
        assumptions=(*known, *map(redact, plan.assumptions)),
    )


def _previous(earlier: EarlierRun | None, plan_digest: str) -> PreviousRun | None:
    if earlier is None:
        return None
    return PreviousRun(
        id=earlier.run_id,
        found=earlier.found,
        verdict=earlier.verdict,
        finished=earlier.finished,
        same_plan=None if earlier.plan_digest is None else earlier.plan_digest == plan_digest,
        digest=earlier.digest,
        digest_of=earlier.digest_of,
    )


def _deviations(result: Result, record: RunRecord) -> Iterator[Deviation]:
    """What went other than planned: how it ended first."""
    yield from (Deviation(kind=DeviationKind.END, what=what) for what in _early_ends(record))
    for one in result.limits:
        if one.status is not Status.PASS:
            says = "was reached" if one.status is Status.FAIL else "was not watched all the time"
            yield Deviation(kind=DeviationKind.LIMIT, what=f"limit {one.name} {says}: {one.observed}")
    for entry in result.game_day.entries if result.game_day is not None else ():
        if entry.kind is GameDayKind.TAKEN_OVER:
            yield Deviation(kind=DeviationKind.PEOPLE, what=f"the drill took over: {entry.what}")
    warned = (one for one in result.checks if one.status is Status.WARNING)
    for check in warned:
        yield Deviation(kind=DeviationKind.CHECK, what=f"check {check.name} warns: {check.observed}")
    yield from (Deviation(kind=DeviationKind.NOTE, what=note) for note in result.notes)


def _early_ends(record: RunRecord) -> Iterator[str]:
    ended = record.first(RunEnded)
    if ended is None:
        yield "the run was cut off: its record has no end"
    elif ended.end is not End.COMPLETED:
        yield f"{ended.end.value}: {ended.why}"
    for event in record.all_of(GuardTookOver):
        yield f"{event.by} put everything back in its place: {event.why}"
