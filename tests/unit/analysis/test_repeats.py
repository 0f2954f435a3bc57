"""How runs count together: which ones, with which bounds, and what they are no repeats of."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flowdrill.analysis.repeats import PoolOrder, RecordedRun, repeats_of
from flowdrill.analysis.report_data import report_of
from flowdrill.errors import PoolingError
from flowdrill.model.claim import Claim, Claimed, parse_claim
from flowdrill.model.events import End
from flowdrill.model.measured import Measure
from flowdrill.model.repeats import ClaimResult, Counts, Median, Repeats
from flowdrill.model.result import Instants, Measures, Result, Verdict
from tests.unit.analysis.synthetic_run import drill_of, synthetic_run
from tests.unit.report import sample_reports

DRILL = drill_of()
PASSED = sample_reports.passing().result


def run(number: int, result: Result = PASSED, **changes: object) -> RecordedRun:
    """A run of its own, later than those with smaller numbers."""
    facts = result.run.model_copy(
        update={"id": f"run-{number}", "started": f"2026-11-26T00:{number:02d}:00.000Z", **changes}
    )
    return RecordedRun(f"reports/{number}", DRILL, result.model_copy(update={"run": facts}))


def took(recover: Measure | None, result: Result = PASSED, **changes: object) -> Result:
    measures = result.measures.model_copy(update={"time_to_recover": recover})
    return result.model_copy(update={"measures": measures, **changes})


def within(earliest: float, latest: float) -> Measure:
    return Measure(seconds=(earliest + latest) / 2, earliest=earliest, latest=latest)


def recovery(repeats: Repeats) -> Median:
    return next(one for one in repeats.medians if one.what is Claimed.TIME_TO_RECOVER)


def claimed(repeats: Repeats, claim: Claim) -> ClaimResult:
    return next(one for one in repeats.claims if (one.what, one.at_most) == (claim.what, claim.at_most))


RECOVERS = Claim(Claimed.TIME_TO_RECOVER, 20.0)
INTERRUPTED = took(within(1, 2), verdict=Verdict.INCONCLUSIVE, end=End.INTERRUPTED)


def test_59_of_59_support_what_58_do_not() -> None:
    order = PoolOrder(claims=(RECOVERS,))
    runs = [run(number) for number in range(59)]
    enough, few = repeats_of(runs, order), repeats_of(runs[1:], order)
    assert claimed(enough, RECOVERS).supported
    assert not claimed(few, RECOVERS).supported
    assert (claimed(few, RECOVERS).runs, claimed(few, RECOVERS).runs_needed) == (58, 59)


def test_a_claim_is_held_against_the_latest_that_a_time_can_have_been() -> None:
    repeats = repeats_of([run(0, took(within(19, 20))), run(1, took(within(19, 20.001)))], PoolOrder((RECOVERS,)))
    assert claimed(repeats, RECOVERS).hits == 1


def test_a_run_that_broke_and_came_to_no_verdict_is_a_miss_whatever_it_had_measured() -> None:
    repeats = repeats_of([run(0), run(1, INTERRUPTED)], PoolOrder((RECOVERS,)))
    assert [one.counts for one in repeats.runs] == [Counts.DRILL, Counts.MISS]
    assert all((one.hits, one.runs) == (1, 2) for one in repeats.claims)
    assert (recovery(repeats).measured, recovery(repeats).earliest) == (1, repeats.runs[0].times[4].earliest / 2)


def test_a_run_that_was_cut_off_while_it_broke_has_broken() -> None:
    cut_off = INTERRUPTED.model_copy(update={"instants": Instants(), "end": None})
    assert repeats_of([run(0, cut_off)], PoolOrder()).runs[0].counts is Counts.MISS
    before = cut_off.model_copy(update={"phases": cut_off.phases[:2]})
    assert repeats_of([run(0, before)], PoolOrder()).runs[0].counts is Counts.NO_DRILL


def test_a_run_that_broke_nothing_and_knows_nothing_is_no_drill_and_shown_as_what_it_might_be() -> None:
    unsteady = sample_reports.unsteady().result
    repeats = repeats_of([run(0), run(1), run(2, unsteady)], PoolOrder((RECOVERS,)))
    claim = claimed(repeats, RECOVERS)
    assert (claim.hits, claim.runs, len(repeats.runs)) == (2, 2, 3)
    assert claim.supported_share == pytest.approx(0.05**0.5)
    assert claim.supported_share_with_no_drills == pytest.approx(0.13535, abs=1e-5)


def test_a_run_whose_preflight_found_no_brake_is_a_miss() -> None:
    refused = sample_reports.refused().result
    assert refused.verdict is Verdict.FAIL
    claim = claimed(repeats_of([run(0), run(1, refused)], PoolOrder((RECOVERS,))), RECOVERS)
    assert (claim.hits, claim.runs) == (1, 2)


def test_a_recovery_that_never_came_took_longer_than_its_limit() -> None:
    never = sample_reports.never_recovered().result
    repeats = repeats_of([run(number, never) for number in range(3)], PoolOrder())
    found = recovery(repeats)
    assert (found.seconds, found.latest, found.slowest, found.measured) == (None, None, None, 0)
    assert found.earliest == DRILL.rollback.limit


def test_where_no_user_was_hit_there_was_nothing_to_recover_from() -> None:
    seen = synthetic_run()
    result = report_of(seen).result
    held = result.model_copy(
        update={
            "instants": result.instants.model_copy(update={"impact": None}),
            "measures": Measures(outage=within(0, 0)),
        }
    )
    assert recovery(repeats_of([run(0, held)], PoolOrder((RECOVERS,)))).slowest == 0.0
    without = held.model_copy(update={"checks": ()})
    assert recovery(repeats_of([run(0, without)], PoolOrder((RECOVERS,)))).slowest is None


def test_what_was_noticed_before_users_were_hit_was_not_this_failure() -> None:
    early = PASSED.model_copy(
        update={"measures": PASSED.measures.model_copy(update={"time_to_detect": within(-3, -2)})}
    )
    claim = Claim(Claimed.TIME_TO_DETECT, 5.0)
    assert claimed(repeats_of([run(0, early)], PoolOrder((claim,))), claim).hits == 0


def test_a_medians_interval_is_from_what_each_took_at_least_and_at_most() -> None:
    runs = [run(n, took(within(10 * n, 10 * n + 1))) for n in range(1, 10)]
    found = recovery(repeats_of(runs, PoolOrder()))
    assert (found.earliest, found.seconds, found.latest) == (50, 50.5, 51)
    assert (found.ranks, found.low, found.high, found.slowest) == ((2, 8), 20, 81, 91)
    assert found.confidence == pytest.approx(1 - 20 / 512)


def test_one_run_that_never_recovered_leaves_the_medians_interval_its_upper_end() -> None:
    runs = [run(n, took(within(n, n + 1))) for n in range(1, 9)]
    found = recovery(repeats_of([*runs, run(9, INTERRUPTED)], PoolOrder()))
    assert (found.low, found.high, found.slowest) == (1, 8 + 1, None)
    two = recovery(repeats_of([*runs, run(9, INTERRUPTED), run(10, INTERRUPTED)], PoolOrder()))
    assert (two.low, two.high) == (0, None)


def test_too_few_runs_have_a_median_and_no_interval() -> None:
    found = recovery(repeats_of([run(n) for n in range(5)], PoolOrder()))
    assert found.seconds is not None
    assert (found.ranks, found.low, found.high, found.confidence) == (None, None, None, None)


def test_runs_of_different_plans_are_not_counted_together_and_the_first_two_are_named() -> None:
    runs = [run(0), run(1), run(2, plan_digest="sha256:other"), run(3, plan_digest="sha256:third")]
    with pytest.raises(PoolingError, match=r"reports/1 and reports/2 are runs of different plans \(.*other"):
        repeats_of(runs, PoolOrder())


def test_a_run_counts_once() -> None:
    with pytest.raises(PoolingError, match="reports/4 and reports/4 are the same run"):
        repeats_of([run(4), run(5), run(4)], PoolOrder())


def test_no_runs_come_to_nothing() -> None:
    with pytest.raises(PoolingError, match="no run to count"):
        repeats_of([], PoolOrder())


def test_what_differs_beside_the_plan_is_noted() -> None:
    assert repeats_of([run(0), run(1)], PoolOrder()).notes == ()
    noted = repeats_of([run(0), run(1, tool_version="9")], PoolOrder()).notes
    assert noted == ("the runs had 2 different versions of flowdrill",)


def test_runs_come_in_the_order_in_which_they_began_and_the_objectives_are_claimed() -> None:
    repeats = repeats_of([run(2), run(1)], PoolOrder(claims=(RECOVERS,), confidence=Fraction(9, 10)))
    assert [one.id for one in repeats.runs] == ["run-1", "run-2"]
    told = [(one.what.value, one.at_most, one.asked) for one in repeats.claims]
    assert told == [
        ("pass", None, False),
        ("time_to_detect", 5, False),
        ("time_to_recover", 60, False),
        ("outage", 90, False),
        ("failed_requests_ratio", 0.6, False),
        ("time_to_recover", 20, True),
    ]
    assert [one.what.value for one in repeats.medians] == ["time_to_detect", "reaction", "time_to_recover", "outage"]


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("time_to_recover <= 120s", Claim(Claimed.TIME_TO_RECOVER, 120)),
        ("outage<=1m30s", Claim(Claimed.OUTAGE, 90)),
        ("failed_requests_ratio <= 5%", Claim(Claimed.FAILED_REQUESTS_RATIO, 0.05)),
        ("pass", Claim(Claimed.PASS)),
    ],
)
def test_a_claim_is_one_line(text: str, claim: Claim) -> None:
    assert parse_claim(text) == claim


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ttr <= 5s", "'ttr' is nothing to claim of"),
        ("pass <= 5s", "`pass` has no limit"),
        ("outage", "outage needs a limit"),
        ("outage <= 5", "needs a duration with its unit"),
        ("failed_requests_ratio <= 0.5", "needs a share in percent"),
        ("p95 <= 5s", "nothing to claim of"),
    ],
)
def test_what_is_no_claim_is_said_to_be_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_claim(text)
