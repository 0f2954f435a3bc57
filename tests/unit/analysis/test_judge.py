"""The verdict: by table, and on runs that end in every way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowdrill.analysis.judge import judge, judge_checks
from flowdrill.analysis.measure import Timeline, failure_of, timeline_of
from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.analysis.report_data import report_of
from flowdrill.model.events import Check, Checked, ClockPair, Detected, End, RecoveryHeld, RolledBack, RunEnded
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Reason, RecordKind
from flowdrill.model.result import Assessment, Requests, Result, Verdict
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Symptom
from flowdrill.model.status import Status
from tests.unit.analysis.synthetic_run import END, UTC_START_NS, at, changed, synthetic_run

NO_OBJECTIVES = {"objectives": {}}
REQUESTS = Requests(
    total=100,
    good=70,
    bad=30,
    by_reason={"flow_error": 30},
    unanswered_at_end=0,
    bad_seconds=3,
    failed_ratio=0.3,
    stretches=1,
    schedule_lag_p99_seconds=0.001,
    error_budget=None,
)


def instant(seconds: float, half: float = 0.0) -> Instant:
    return Instant(at(seconds - half), at(seconds + half))


def timeline(recovered: Instant | None, detected: Instant | None) -> Timeline:
    zero = instant(20)
    return Timeline(zero, zero, detected, zero, zero, zero, recovered)


def objective(name: str, objectives: dict[str, str], measured: Timeline, end: End = End.COMPLETED) -> Assessment:
    judgement = judge(synthetic_run(objectives=objectives, end=end), measured, REQUESTS)
    (found,) = judgement.objectives
    assert found.name == name
    return found


@pytest.mark.parametrize(
    ("at_seconds", "half", "status", "observed", "detail"),
    [
        (2.0, 0.1, Status.PASS, "2.00 s (between 1.90 s and 2.10 s)", ""),
        (2.9, 0.1, Status.PASS, "2.90 s (between 2.80 s and 3.00 s)", ""),
        (2.95, 0.1, Status.UNKNOWN, "2.95 s (between 2.85 s and 3.05 s)", "the bounds straddle the objective"),
        (3.1, 0.1, Status.UNKNOWN, "3.10 s (between 3.00 s and 3.20 s)", "the bounds straddle the objective"),
        (9.21, 0.1, Status.FAIL, "9.21 s (between 9.11 s and 9.31 s)", "6.21 s longer than allowed"),
    ],
)
def test_an_objective_is_judged_by_the_bound_that_counts_against_it(
    at_seconds: float, half: float, status: Status, observed: str, detail: str
) -> None:
    measured = timeline(recovered=instant(20 + at_seconds, half), detected=instant(21))
    found = objective("time_to_recover", {"time_to_recover": "3s"}, measured)
    assert (found.status, found.observed, found.detail) == (status, observed, detail)
    assert found.required == "at most 3.00 s"


@pytest.mark.parametrize(
    ("name", "observed", "detail"),
    [
        ("time_to_detect", "> 3 min 00 s", "never detected"),
        ("time_to_recover", "> 5 min 00 s", "never recovered"),
        ("outage", "> 22.00 s", "never recovered"),  # from the impact at 20 s to the restore
    ],
)
def test_what_never_happened_fails_with_the_limit(name: str, observed: str, detail: str) -> None:
    found = objective(name, {name: "2s"}, timeline(recovered=None, detected=None))
    assert (found.status, found.observed, found.detail) == (Status.FAIL, observed, detail)


def test_what_an_interrupted_run_could_not_measure_is_unknown() -> None:
    found = objective("outage", {"outage": "2s"}, timeline(None, None), End.INTERRUPTED)
    assert (found.status, found.observed) == (Status.UNKNOWN, "not measured")


def test_a_measure_of_a_failure_nobody_saw_is_unknown() -> None:
    unhurt = replace(timeline(None, None), impact=None)
    assert objective("outage", {"outage": "2s"}, unhurt).status is Status.UNKNOWN


def test_a_detection_before_users_were_hit_is_no_detection_of_it() -> None:
    early = timeline(recovered=instant(25), detected=instant(19))
    assert objective("time_to_detect", {"time_to_detect": "2s"}, early).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("allowed", "status", "detail"),
    [("30%", Status.PASS, ""), ("12.5%", Status.FAIL, "17.5 percentage points more than allowed")],
)
def test_the_failed_requests_are_held_against_their_share(allowed: str, status: Status, detail: str) -> None:
    measured = timeline(instant(25), instant(21))
    found = objective("failed_requests_ratio", {"failed_requests_ratio": allowed}, measured)
    assert (found.status, found.detail, found.observed) == (status, detail, "30 %")


# --- whole runs


def result(record: RunRecord) -> Result:
    return report_of(record).result


def with_check(status: Status, end: End | None = End.COMPLETED) -> RunRecord:
    check = Check("rollback_permitted", status, "the API server accepts the patch", "forbidden", "give it a Role")
    record = synthetic_run(end=end)
    return replace(record, events=(*record.events[:9], Checked(at(0.95), check), *record.events[9:]))


def test_a_drill_that_met_everything_passes() -> None:
    found = result(synthetic_run())
    assert (found.verdict, found.reasons) == (Verdict.PASS, ("4 of 4 objectives met, 13 checks passed",))


def test_a_missed_objective_fails_and_says_by_how_much() -> None:
    found = result(synthetic_run(objectives={"time_to_recover": "1s"}))
    assert found.verdict is Verdict.FAIL
    assert found.reasons == (
        "time_to_recover: 6.48 s (between 6.44 s and 6.52 s) (required: at most 1.00 s): 5.48 s longer than allowed",
    )


@pytest.mark.parametrize("end", [End.UNSTEADY, End.NOT_BROKEN, End.INTERRUPTED, End.FAILED])
def test_a_run_that_ended_early_is_inconclusive_and_says_why(end: End) -> None:
    found = result(synthetic_run(end=end))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons[0] == f"{end.value}: as the test wanted it"


def test_a_run_that_was_cut_off_is_inconclusive() -> None:
    found = result(synthetic_run(end=None))
    assert (found.verdict, found.end, found.run.finished) == (Verdict.INCONCLUSIVE, None, None)
    assert "cut off" in found.reasons[0]


def test_a_refused_run_fails_for_its_failed_checks() -> None:
    found = result(with_check(Status.FAIL, End.REFUSED))
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0] == (
        "rollback_permitted: forbidden (required: the API server accepts the patch): give it a Role"
    )


def test_a_run_refused_for_what_nobody_knows_is_inconclusive() -> None:
    found = result(with_check(Status.UNKNOWN, End.REFUSED))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert [reason.partition(":")[0] for reason in found.reasons] == ["as the test wanted it", "rollback_permitted"]


def checked(name: str, status: Status) -> Check:
    return Check(name=name, status=status, required="r", observed="o", detail="")


@pytest.mark.parametrize(
    ("statuses", "problem", "verdict", "reasons"),
    [
        ((), None, Verdict.PASS, []),
        ((Status.PASS, Status.WARNING), None, Verdict.PASS, []),
        ((Status.UNKNOWN,), None, Verdict.INCONCLUSIVE, ["c0"]),
        ((Status.PASS,), "cut off", Verdict.INCONCLUSIVE, ["cut off"]),
        ((Status.UNKNOWN,), "cut off", Verdict.INCONCLUSIVE, ["cut off", "c0"]),
        ((Status.UNKNOWN, Status.FAIL), None, Verdict.FAIL, ["c1", "c0"]),
        ((Status.UNKNOWN, Status.FAIL), "cut off", Verdict.FAIL, ["c1", "cut off", "c0"]),
    ],
)
def test_checks_alone_are_judged_with_everything_that_does_not_hold(
    statuses: tuple[Status, ...], problem: str | None, verdict: Verdict, reasons: list[str]
) -> None:
    found, said = judge_checks([checked(f"c{at}", status) for at, status in enumerate(statuses)], problem)
    assert (found, [one.partition(":")[0] for one in said]) == (verdict, reasons)


@pytest.mark.parametrize(("status", "verdict"), [(Status.FAIL, Verdict.FAIL), (Status.UNKNOWN, Verdict.INCONCLUSIVE)])
def test_a_completed_run_is_as_good_as_its_worst_check(status: Status, verdict: Verdict) -> None:
    assert result(with_check(status)).verdict is verdict


@pytest.mark.parametrize(
    ("missing", "check"),
    [
        (Detected, "failure_detected"),
        (RolledBack, "rollback_completed"),
        (RecoveryHeld, "recovery_held"),
    ],
)
def test_a_brake_that_did_not_work_fails_whatever_the_objectives_leave_out(missing: type, check: str) -> None:
    found = result(changed(synthetic_run(**NO_OBJECTIVES), missing))
    assert found.verdict is Verdict.FAIL
    assert [a.name for a in found.checks if a.status is Status.FAIL] == [check]


def test_no_traffic_is_inconclusive() -> None:
    record = synthetic_run()
    found = result(replace(record, records=tuple(r for r in record.records if r.sent_ns < at(17))))
    assert (found.verdict, found.measures.outage) == (Verdict.INCONCLUSIVE, None)
    assert found.reasons[0].startswith("no traffic")


def test_load_that_could_not_keep_up_is_inconclusive() -> None:
    record = synthetic_run()
    late = tuple(replace(r, intended_ns=r.intended_ns - 60_000_000) for r in record.records)
    found = result(replace(record, records=late))
    (check,) = (a for a in found.checks if a.name == "load_on_schedule")
    assert (found.verdict, check.status) == (Verdict.INCONCLUSIVE, Status.UNKNOWN)
    assert "could not keep up" in check.detail


def test_at_a_low_rate_half_an_interval_of_lag_is_on_schedule() -> None:
    load = {**synthetic_run().drill.load.model_dump(mode="json"), "requests_per_second": 5}
    record = synthetic_run(load=load, baseline={"window": "20s"})
    late = tuple(replace(r, intended_ns=r.intended_ns - 60_000_000) for r in record.records)
    assert result(replace(record, records=late)).verdict is Verdict.PASS


def test_a_clock_step_is_a_note_and_changes_no_measure() -> None:
    record = synthetic_run()
    stepped = ClockPair(at(END), UTC_START_NS + seconds_to_ns(END - 3600))
    found = result(changed(record, RunEnded, RunEnded(at(END), End.COMPLETED, "recovery held", stepped)))
    assert (found.verdict, found.measures) == (Verdict.PASS, result(record).measures)
    assert found.run.clock_step_seconds == -3600
    assert "-3600.000 s" in found.notes[0]


def test_a_recovery_that_did_not_hold_is_none() -> None:
    record = changed(synthetic_run(), RecoveryHeld)
    known = outcomes_of(record.records, 2_000_000_000, at(END)).outcomes
    failure = failure_of(record, known)
    assert failure is not None
    assert failure.recovered is not None
    assert timeline_of(record, failure).recovered is None


def test_what_comes_after_the_recovery_held_is_not_of_the_outage() -> None:
    record = synthetic_run()
    held_ns = record.all_of(RecoveryHeld)[0].at_ns
    cut = tuple(
        replace(r, http_status=0, reason=type(r.reason).CONNECTION)
        if r.kind is RecordKind.FINISHED and r.sent_ns > held_ns
        else r
        for r in record.records
    )
    found, plain = result(replace(record, records=cut)), result(record)
    assert (found.measures, found.requests.stretches) == (plain.measures, 1)
    assert found.requests.by_reason["connection"] > 0


def test_a_rollback_that_completed_after_its_limit_is_not_within_it() -> None:
    found = result(synthetic_run(rollback={"limit": "3s"}))
    assert status_in(found, "rollback_completed") is Status.FAIL


def test_a_failure_that_is_not_the_scenarios_is_no_pass() -> None:
    record = synthetic_run()
    other = record.scenario.model_copy(update={"symptom": Symptom.NO_SERVICE})
    found = result(replace(record, scenario=other))
    assert status_in(found, "symptom_seen") is Status.UNKNOWN
    assert found.verdict is Verdict.INCONCLUSIVE


def test_a_drill_in_which_no_user_was_hit_is_no_pass_even_without_objectives() -> None:
    record = synthetic_run(objectives={})
    good = tuple(replace(r, reason=Reason.GOOD) for r in record.records)
    found = result(replace(record, records=good))
    assert status_in(found, "symptom_seen") is Status.UNKNOWN
    assert found.verdict is Verdict.INCONCLUSIVE


def status_in(found: Result, name: str) -> Status:
    (check,) = (check for check in found.checks if check.name == name)
    return check.status


def test_a_strict_look_takes_a_warning_for_a_failure_and_says_it_after_the_failures() -> None:
    statuses = {"a": Status.WARNING, "b": Status.PASS, "c": Status.FAIL}
    checks = [Check(name, status, "r", "o") for name, status in statuses.items()]
    assert judge_checks(checks[:2], None) == (Verdict.PASS, ())
    verdict, reasons = judge_checks(checks, None, strict=True)
    assert (verdict, [reason.partition(":")[0] for reason in reasons]) == (Verdict.FAIL, ["c", "a"])
