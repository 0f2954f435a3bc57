"""Two runs side by side: what is certain, and what is worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.comparison import RunToCompare, change_of, comparison_of, difference_of
from flowdrill.analysis.plan_differences import plan_differences
from flowdrill.model.comparison import Change, Comparison
from flowdrill.model.measured import Measure
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status
from tests.unit.report import sample_reports
from tests.unit.report.sample_parts import assessed

PASSED = sample_reports.passing().result


def within(earliest: float, latest: float) -> Measure:
    return Measure(seconds=(earliest + latest) / 2, earliest=earliest, latest=latest)


def took(recover: Measure | None, **changes: object) -> Result:
    measures = PASSED.measures.model_copy(update={"time_to_recover": recover})
    return PASSED.model_copy(update={"measures": measures, **changes})


def compared(
    before: Result, after: Result, tolerance: float = 0.0, plans: tuple[object, object] = ({}, {})
) -> Comparison:
    runs = (RunToCompare("a", plans[0], before), RunToCompare("b", plans[1], after))
    return comparison_of(*runs, tolerance)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (within(1, 2), within(2.1, 3), Change.LONGER),
        (within(2.1, 3), within(1, 2), Change.SHORTER),
        (within(1, 2), within(2, 3), Change.NOT_CERTAIN),  # they touch
        (within(1, 5), within(2, 3), Change.NOT_CERTAIN),
        (within(1, 2), None, Change.ONLY_FIRST),
        (None, within(1, 2), Change.ONLY_SECOND),
        (None, None, Change.NEITHER),
    ],
)
def test_only_bounds_that_do_not_overlap_are_certain(
    before: Measure | None, after: Measure | None, change: Change
) -> None:
    assert change_of(before, after) is change


bounds = st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(lambda pair: within(min(pair), max(pair)))


@given(bounds, bounds, st.floats(0, 1), st.floats(0, 1))
def test_what_is_certain_holds_for_every_truth_within_the_bounds(
    one: Measure, other: Measure, at: float, other_at: float
) -> None:
    truth = one.earliest + at * (one.latest - one.earliest)
    other_truth = other.earliest + other_at * (other.latest - other.earliest)
    told, span = change_of(one, other), difference_of(one, other)
    assert span is not None
    assert told is not Change.LONGER or other_truth >= truth
    assert told is not Change.SHORTER or other_truth <= truth
    assert span.earliest - 1e-6 <= other_truth - truth <= span.latest + 1e-6


def test_a_run_is_neither_better_nor_worse_than_itself() -> None:
    found = compared(PASSED, PASSED)
    assert (found.worse, found.better, found.statuses, found.images, found.environment) == ((), (), (), (), ())
    assert found.same_plan


def test_certainly_longer_is_worse_beyond_the_tolerance() -> None:
    slow, fast = took(within(23, 24)), took(within(19, 20))
    assert compared(fast, slow).worse == ("time_to_recover",)
    assert compared(slow, fast).better == ("time_to_recover",)
    assert compared(fast, slow, tolerance=0.14).worse == ("time_to_recover",)  # 20 s and 14 % are 22.8 s
    assert compared(fast, slow, tolerance=0.15).worse == ()  # 23 s
    assert compared(fast, took(within(19, 24))).worse == ()


def test_a_tolerance_takes_nothing_off_a_time_whose_bounds_are_negative() -> None:
    before, after = took(within(-0.4, -0.2)), took(within(-0.19, 0.1))
    assert compared(before, after).worse == ("time_to_recover",)
    assert compared(before, after, tolerance=0.1).worse == ()  # until -0.18
    assert compared(before, before, tolerance=2).worse == ()


def test_what_failed_after_it_had_held_is_worse_and_not_knowing_is_not() -> None:
    checks = (*PASSED.checks, assessed("brake_held", Status.WARNING, "x", "y"))
    before = PASSED.model_copy(update={"checks": checks})
    failed = (*PASSED.checks, assessed("brake_held", Status.FAIL, "x", "z"))
    after = before.model_copy(update={"checks": failed, "verdict": Verdict.FAIL})
    assert compared(before, after).worse == ("verdict", "check brake_held")
    assert compared(after, before).better == ("verdict", "check brake_held")
    unknown = before.model_copy(update={"checks": PASSED.checks, "verdict": Verdict.INCONCLUSIVE})
    assert compared(before, unknown).worse == ()
    (gone,) = compared(before, unknown).statuses
    assert (gone.before, gone.after) == (Status.WARNING, None)


def test_another_image_and_another_cluster_are_named() -> None:
    facts = PASSED.run.model_copy(update={"cluster": "prod", "kubernetes_version": "v1.34.0"})
    assert PASSED.images.stable is not None
    stable = PASSED.images.stable.model_copy(update={"digest": "sha256:" + "1" * 64})
    after = PASSED.model_copy(update={"run": facts, "images": PASSED.images.model_copy(update={"stable": stable})})
    found = compared(PASSED, after)
    assert [one.what for one in found.environment] == ["cluster", "Kubernetes"]
    assert [(one.what, one.after) for one in found.images] == [("stable digest", "sha256:" + "1" * 64)]


def test_a_detector_that_fell_silent_is_told() -> None:
    found = compared(PASSED, PASSED.model_copy(update={"detections": ()}))
    assert found.detections
    assert all(one.said_before and not one.said_after for one in found.detections)


def test_plans_are_compared_field_by_field() -> None:
    before = {"drill": {"hold": "3s", "load": {"users": [1, 2]}, "only": {}}}
    after = {"drill": {"hold": "9s", "load": {"users": [1, 3, 4]}}}
    assert [(one.what, one.before, one.after) for one in plan_differences(before, after)] == [
        ("drill.hold", '"3s"', '"9s"'),
        ("drill.load.users.1", "2", "3"),
        ("drill.only", "{}", None),
        ("drill.load.users.2", None, "4"),
    ]


def test_a_secret_of_a_plan_is_not_shown() -> None:
    (found,) = plan_differences({"env": {"API_KEY": "one-secret"}}, {"env": {"API_KEY": "another-secret"}})
    assert "secret" not in f"{found.before}{found.after}"


def test_a_secret_of_a_plans_command_is_not_shown() -> None:
    before, after = ({"rollback": {"command": ["./back", "--token", secret, "x"]}} for secret in ("one", "another"))
    (found,) = plan_differences(before, after)
    assert (found.what, found.before, found.after) == ("rollback.command.2", '"[redacted]"', '"[redacted]"')


def test_what_else_is_to_be_said_of_the_plans() -> None:
    other_digest = PASSED.run.model_copy(update={"plan_digest": "sha256:" + "2" * 64})
    alone = compared(PASSED, PASSED.model_copy(update={"run": other_digest}))
    assert "one of their files, or the name of the context" in (alone.plan_note or "")
    other_drill = other_digest.model_copy(update={"drill": "other"})
    assert "different drills" in (compared(PASSED, PASSED.model_copy(update={"run": other_drill})).plan_note or "")
