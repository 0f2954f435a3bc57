"""The audit block of a result: who, what was wrong, who sees to it until when, and what it is evidence for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowdrill.analysis.audit_findings import findings_of
from flowdrill.analysis.reach import reach_of
from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.run_clock import utc_text
from flowdrill.model.audit import Audit, DeviationKind, Finding, FindingKind, Severity
from flowdrill.model.audit_facts import AuditFacts, ClaimedName
from flowdrill.model.audit_plan import AuditPlan, FollowUpPlan
from flowdrill.model.controls import Controls
from flowdrill.model.events import Check, Checked, ClockPair, End, GuardTookOver, Limit, LimitReached, LimitsInForce
from flowdrill.model.image_health import Health
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.readiness import Readiness
from flowdrill.model.result import Report, Result, Verdict
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status
from tests.unit.analysis.audited_run import CONTROLS, DIGESTS, FACTS, audited_run
from tests.unit.analysis.reaches import digest, image
from tests.unit.analysis.reaches import facts as reach_facts
from tests.unit.analysis.synthetic_run import END, UTC_START_NS, at, synthetic_run


def audit_of(record: RunRecord) -> Audit:
    audit = report_of(record).result.audit
    assert audit is not None
    return audit


def with_check(record: RunRecord, name: str, status: Status, required: str = "as it should be") -> RunRecord:
    check = Checked(at_ns=at(0.3), check=Check(name, status, required, "it is not so"))
    return replace(record, events=tuple(sorted([*record.events, check], key=lambda one: one.at_ns)))


AUDIT = audit_of(audited_run())
FINISHED = datetime(2026, 9, 21, tzinfo=UTC)


def test_it_says_who_and_on_what_authority() -> None:
    assert AUDIT.ran_by is not None
    assert AUDIT.approved_by is not None
    assert (AUDIT.ran_by.name, AUDIT.ran_by.source) == ("Ada Lovelace", "$GITHUB_ACTOR")
    assert (AUDIT.approved_by.name, AUDIT.approved_by.source) == ("Grace Hopper", "--approved-by")
    assert [(one.name, one.role) for one in AUDIT.participants] == [("Alan Turing", "on call")]
    assert (AUDIT.risk, AUDIT.change_ticket) == (
        "RISK-112: a bad flow reaches production",
        "https://tickets.example.org/CHG-2041",
    )
    assert AUDIT.rolled_back_by == "the harness's own identity"
    assert (AUDIT.configuration_digest, AUDIT.record_digest) == (DIGESTS.plan, DIGESTS.all)


def test_it_says_by_which_clock_and_what_is_known_of_it() -> None:
    assert AUDIT.clock.source == "CLOCK_MONOTONIC of host drill-host"
    assert (AUDIT.clock.synchronised, AUDIT.clock.max_error_seconds) == (True, 0.004)
    assert AUDIT.clock.step_seconds == pytest.approx(0.0015)
    assert audit_of(audited_run(facts=None)).clock.synchronised is None


def test_targets_stand_against_results() -> None:
    assert [(one.name, one.status) for one in AUDIT.targets] == [
        ("time_to_detect", Status.PASS),
        ("time_to_recover", Status.FAIL),
        ("outage", Status.PASS),
    ]
    assert AUDIT.targets[1].required == "at most 2.00 s"


def test_a_missed_target_is_a_finding_with_owner_and_day() -> None:
    (finding,) = AUDIT.findings
    assert (finding.kind, finding.name, finding.severity) == (
        FindingKind.OBJECTIVE,
        "time_to_recover",
        Severity.HIGH,
    )
    assert utc_text(UTC_START_NS)[:10] == "2026-09-21"
    assert (finding.owner, finding.due, AUDIT.retest_on) == ("platform team", "2026-10-05", "2026-12-20")


def test_a_plan_that_names_nobody_leaves_a_finding_without_owner_and_day() -> None:
    bare = audit_of(audited_run(audit={}))
    assert [(one.owner, one.due) for one in bare.findings] == [(None, None)]
    assert bare.retest_on is None
    assert audit_of(audited_run(audit={"retest_on": "2027-03-01"})).retest_on == "2027-03-01"


def test_a_finding_has_the_same_number_in_every_run_and_another_drill_another_one() -> None:
    def numbers(record: RunRecord) -> set[str]:
        return {one.id for one in audit_of(record).findings}

    first = with_check(audited_run(), "ends_on_stable_digest", Status.FAIL, "all pods on sha256:0a, at most 2.5 s")
    later = with_check(
        audited_run(seed=8, objectives={"time_to_recover": "3s"}),
        "ends_on_stable_digest",
        Status.FAIL,
        "all pods on sha256:ff, at most 31 s",
    )
    assert len(numbers(first)) == 2
    assert numbers(first) == numbers(later)
    assert all(re.fullmatch("F-[0-9a-f]{8}", one) for one in numbers(first))
    assert not numbers(first) & numbers(audited_run(drill="another"))


def test_two_checks_of_one_name_are_two_findings() -> None:
    record = with_check(audited_run(), "alert_fired", Status.FAIL, "FlowFailing fires")
    record = with_check(record, "alert_fired", Status.FAIL, "FlowSlow fires")
    found = [one for one in audit_of(record).findings if one.name == "alert_fired"]
    assert len({one.id for one in found}) == 2


def test_what_weighs_more_comes_first_and_what_holds_is_none() -> None:
    record = with_check(audited_run(), "tag_held", Status.WARNING)
    record = with_check(record, "image_scanned", Status.UNKNOWN)
    record = with_check(record, "all_is_well", Status.PASS)
    found = audit_of(record).findings
    assert [(one.name, one.severity) for one in found] == [
        ("time_to_recover", Severity.HIGH),
        ("image_scanned", Severity.MEDIUM),
        ("tag_held", Severity.LOW),
    ]


def _without(result: Result, reach: Readiness) -> tuple[Finding, ...]:
    bare = result.model_copy(update={"objectives": (), "checks": (), "verdict": Verdict.PASS, "readiness": reach})
    return findings_of(bare, FollowUpPlan(), FINISHED)


def test_what_keeps_earlier_versions_from_being_rolled_back_to_is_a_finding_each() -> None:
    gone = {digest(one): image(one, Health.RETAINED if one == "a" else Health.GONE) for one in "abc"}
    missing = reach_facts(images=gone)
    found = _without(report_of(audited_run()).result, Readiness(responder="on call", reach=reach_of(missing)))
    retained = [one for one in found if one.name == "retained"]
    assert [(one.kind, one.severity) for one in retained] == [(FindingKind.REACH, Severity.MEDIUM)]
    assert retained[0].observed.count("; ") == 1, "it names both versions"


@pytest.mark.parametrize(("end", "what"), [(End.INTERRUPTED, "interrupted"), (None, "the run was cut off")])
def test_a_run_that_ended_early_says_so_and_is_a_finding(end: End | None, what: str) -> None:
    record = audited_run(end=end, objectives={})
    audit = audit_of(record)
    assert report_of(record).result.verdict is Verdict.INCONCLUSIVE
    assert audit.deviations[0].kind is DeviationKind.END
    assert audit.deviations[0].what.startswith(what)
    assert [one.severity for one in audit.findings] != []
    assert Severity.LOW not in {one.severity for one in audit.findings}


def test_a_verdict_that_nothing_else_explains_is_a_finding() -> None:
    result = report_of(audited_run(end=End.INTERRUPTED, objectives={})).result
    bare = result.model_copy(update={"checks": (), "objectives": ()})
    (found,) = findings_of(bare, FollowUpPlan(), FINISHED)
    assert (found.kind, found.severity) == (FindingKind.VERDICT, Severity.MEDIUM)
    assert "interrupted" in found.observed


def test_what_went_other_than_planned_is_listed() -> None:
    record = with_check(audited_run(end=End.LIMIT), "tag_held", Status.WARNING)
    limit = Limit(LimitName.BAD_REQUESTS, "at most 100 bad requests")
    more = (
        LimitsInForce(at(1.2), (limit,)),
        LimitReached(at(30), LimitName.BAD_REQUESTS, "101 bad requests"),
        GuardTookOver(at(END - 1), "the guard", "the harness was silent", ClockPair(at(END - 1), UTC_START_NS)),
    )
    record = replace(record, events=tuple(sorted([*record.events, *more], key=lambda one: one.at_ns)))
    told = [(one.kind, one.what) for one in audit_of(record).deviations]
    assert (DeviationKind.LIMIT, "limit bad_requests was reached: 101 bad requests") in told
    assert (DeviationKind.CHECK, "check tag_held warns: it is not so") in told
    assert (DeviationKind.NOTE, "a deploy of another team began meanwhile") in told
    assert (DeviationKind.END, "the guard put everything back in its place: the harness was silent") in told


def test_the_run_before_is_named_with_its_verdict_and_what_stands_for_its_files() -> None:
    before = AUDIT.previous_run
    assert before is not None
    assert FACTS.previous is not None
    assert (before.id, before.verdict, before.same_plan) == (FACTS.previous.run_id, "pass", True)
    assert (before.digest, before.digest_of) == (FACTS.previous.digest, "attestation.dsse.json")
    other = replace(FACTS, previous=replace(FACTS.previous, plan_digest="sha256:0"))
    assert audit_of(audited_run(facts=other)).previous_run.same_plan is False  # type: ignore[union-attr]


def test_a_run_of_an_older_flowdrill_has_a_block_without_what_it_did_not_record() -> None:
    audit = audit_of(synthetic_run())
    assert (audit.ran_by, audit.approved_by, audit.previous_run, audit.controls) == (None, None, None, None)
    assert (audit.configuration_digest, audit.record_digest) == (None, None)
    assert audit.run_id


def test_secrets_in_what_people_wrote_are_redacted() -> None:
    secret = "https://ann:hunter22@tickets.example.org/1"
    plan = {
        "purpose": secret,
        "risk": secret,
        "change_ticket": secret,
        "assumptions": [secret],
        "participants": [{"name": secret, "role": secret}],
        "findings": {"owner": secret},
        "previous_run": secret,
    }
    facts = AuditFacts(ran_by=ClaimedName(secret, "--ran-by"), approved_by=ClaimedName(secret, "--approved-by"))
    text = audit_of(audited_run(facts=facts, audit=plan)).model_dump_json()
    assert text.count("[redacted]") >= len(plan) + 2
    assert "hunter22" not in text


def test_the_same_record_gives_the_same_bytes_and_they_are_read_back() -> None:
    report = report_of(audited_run())
    text = report.model_dump_json(by_alias=True)
    assert report_of(audited_run()).model_dump_json(by_alias=True) == text
    assert Report.model_validate_json(text) == report


def test_a_field_that_is_not_there_is_missing_and_one_that_is_says_what_it_holds() -> None:
    said = {one.field: one.value for control in _mapped(CONTROLS) for one in control}
    assert said["run.started"] == "2026-09-21T14:13:20.250Z"
    assert said["audit.targets"] == "2 pass, 1 fail"
    assert said["audit.findings"] == "1 fail"
    assert str(said["measures.time_to_recover"]).endswith(" s)")
    assert said["audit.ran_by"] == "Ada Lovelace, from $GITHUB_ACTOR"
    assert (said["game_day"], said["obstacles"], said["readiness.reach"]) == (None, None, None)


def test_no_finding_is_an_answer_and_no_approver_is_none() -> None:
    record = audited_run(facts=replace(FACTS, approved_by=None), objectives={"outage": "90s"})
    said = {one.field: one.value for control in _mapped(CONTROLS, record) for one in control}
    assert said["audit.findings"] == "none: nothing was found"
    assert said["audit.approved_by"] is None


def test_that_nothing_was_approved_is_no_evidence_of_an_approval() -> None:
    control = CONTROLS.controls[0].model_copy(update={"evidence": ("run.approved", "audit.plan_approved")})
    (fields,) = _mapped(CONTROLS.model_copy(update={"controls": (control,)}))
    assert [one.value for one in fields] == [None, None]


def _mapped(controls: Controls, record: RunRecord | None = None):
    mapping = audit_of(replace(record or audited_run(), controls=controls)).controls
    assert mapping is not None
    assert mapping.digest == DIGESTS.controls
    return [one.evidence for one in mapping.controls]


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"retest_within": "9d", "retest_on": "2027-03-01"}, "needs either retest_within or retest_on"),
        ({"retest_on": "March"}, "needs a day such as 2027-03-01, not 'March'"),
        ({"risk": "  "}, "pattern"),
        ({"participants": [{"name": "x"}]}, "role"),
    ],
)
def test_an_audit_section_that_cannot_be_is_refused(plan: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        AuditPlan.model_validate_json(json.dumps(plan))


def test_a_run_that_was_cut_off_counts_days_from_when_it_was_last_heard_of() -> None:
    assert audit_of(audited_run(end=None)).retest_on == "2026-12-20"
