"""What still counts as evidence on a day."""

from __future__ import annotations

from datetime import date

import pytest

from flowdrill.analysis.drill_evidence import DrillEvidence, Standing, evidence_of
from flowdrill.analysis.history import in_order
from flowdrill.model.history import HistoryRun
from flowdrill.model.result import Verdict
from tests.unit.report.sample_history import run

FAIL, UNKNOWN = {"verdict": Verdict.FAIL}, {"verdict": Verdict.INCONCLUSIVE}


def one(*runs: HistoryRun, as_of: str = "2026-11-30", days: int = 90) -> DrillEvidence:
    (found,) = evidence_of(runs, date.fromisoformat(as_of), days)
    return found


@pytest.mark.parametrize(
    ("as_of", "standing"),
    [
        ("2026-11-01", Standing.VALID),
        ("2026-11-11", Standing.VALID),  # the last day counts
        ("2026-11-12", Standing.EXPIRED),
    ],
)
def test_a_pass_counts_until_its_last_day_and_no_longer(as_of: str, standing: Standing) -> None:
    found = one(run("2026-11-01"), as_of=as_of, days=10)
    assert (found.standing, found.last_day) == (standing, date(2026, 11, 11))


def test_a_later_failure_is_told_and_a_later_unknown_is_none() -> None:
    assert one(run("2026-11-01"), run("2026-11-02", **FAIL)).standing is Standing.FAILED_SINCE
    assert one(run("2026-11-01"), run("2026-11-02", **UNKNOWN)).standing is Standing.VALID
    assert one(run("2026-11-01", **FAIL), run("2026-11-02")).standing is Standing.VALID


@pytest.mark.parametrize("folders", [("a", "b"), ("b", "a")])
def test_of_two_that_began_at_once_the_failed_one_counts_whatever_their_folders_are_called(
    folders: tuple[str, str],
) -> None:
    runs = in_order([run("2026-11-01", folder=folders[0]), run("2026-11-01", folder=folders[1], **FAIL)])
    assert one(*runs).standing is Standing.FAILED_SINCE


def test_inconclusive_is_never_a_pass() -> None:
    found = one(run("2026-11-01", **UNKNOWN))
    assert (found.standing, found.passed, found.age_days, found.last_day) == (Standing.NEVER, None, None, None)


def test_what_was_not_known_on_that_day_is_left_out() -> None:
    runs = [run("2026-11-01", **FAIL), run("2026-11-20")]
    assert one(*runs, as_of="2026-11-19").standing is Standing.NEVER
    assert one(*runs, as_of="2026-11-20").standing is Standing.VALID
    assert evidence_of(runs, date(2026, 10, 31), 90) == ()


def test_each_target_needs_evidence_of_its_own() -> None:
    found = evidence_of([run("2026-11-01"), run("2026-11-02", namespace="search", **FAIL)], date(2026, 11, 30), 90)
    assert [(row.target, row.standing) for row in found] == [
        ("search/deployment/flow on lab", Standing.NEVER),
        ("shop/deployment/flow on lab", Standing.VALID),
    ]


def test_a_calendar_has_an_end() -> None:
    assert one(run("9999-12-30"), as_of="9999-12-31", days=366).last_day == date.max
