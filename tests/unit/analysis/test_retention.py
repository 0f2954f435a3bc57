"""The retention rules, on days that a test chooses."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from flowdrill.analysis.retention import StoredVersion, archived_on, next_cleaned_up
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.policy import PolicyPlan

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = PolicyPlan()


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def ledger(*verified: tuple[int, str]) -> Ledger:
    entries = [
        LedgerEntry(place, digest(number), f"registry.example/app@{digest(number)}", at, "run", "", "", "")
        for place, (number, at) in enumerate(verified, 1)
    ]
    return Ledger("configmap/ledger", tuple(entries))


def old(number: int, created: str | None = "2026-01-01T00:00:00Z") -> StoredVersion:
    return StoredVersion(digest(number), created, (f"1.0.{number}",))


def test_a_version_may_be_archived_thirty_days_after_it_was_built() -> None:
    found = archived_on(old(1, "2026-02-10T18:00:00Z"), None, POLICY, NOW, ())
    assert (found.on, found.due, found.because) == (date(2026, 3, 12), False, "30 days after 2026-02-10")
    found = archived_on(old(1), None, POLICY, NOW, ())
    assert (found.on, found.due) == (date(2026, 1, 31), True)


def test_the_day_has_come_with_the_hour_and_not_before() -> None:
    for hour, due in ((12, True), (13, False)):
        found = archived_on(old(1, f"2026-01-30T{hour}:00:00Z"), None, POLICY, NOW, ())
        assert (found.on, found.due) == (date(2026, 3, 1), due)


def test_what_runs_now_stays_however_old_it_is() -> None:
    found = archived_on(old(1), None, POLICY, NOW, {digest(1)})
    assert (found.on, found.because) == (None, "it runs now")


def test_the_last_three_verified_versions_stay_and_the_fourth_does_not() -> None:
    known = ledger(*((number, "2026-01-01T00:00:00Z") for number in (1, 2, 3, 4)))
    days = [archived_on(old(number), known, POLICY, NOW, ()).on for number in (1, 2, 3, 4)]
    assert days == [date(2026, 1, 31), None, None, None]
    again = ledger(*((number, "2026-01-01T00:00:00Z") for number in (1, 2, 3, 4, 1)))
    assert archived_on(old(1), again, POLICY, NOW, ()).on is None
    assert archived_on(old(2), again, POLICY, NOW, ()).on == date(2026, 1, 31)


def test_where_an_image_does_not_say_when_it_was_built_the_ledger_says_when_it_was_first_verified() -> None:
    known = ledger((1, "2026-02-01T00:00:00+00:00"), *((number, "2026-02-02T00:00:00Z") for number in (2, 3, 4)))
    assert archived_on(old(1, None), known, POLICY, NOW, ()).on == date(2026, 3, 3)
    unknown = archived_on(old(9, None), known, POLICY, NOW, ())
    assert (unknown.on, unknown.because) == (None, "neither the image nor the ledger says how old it is")


def test_the_next_clean_up_takes_the_one_whose_day_comes_first() -> None:
    versions = [old(1, "2026-02-20T00:00:00Z"), old(2, "2026-02-10T00:00:00Z"), old(3), old(4, None)]
    taken = next_cleaned_up(versions, None, POLICY, NOW, {digest(3)})
    assert taken is not None
    assert (taken.name, taken.on) == (f"{digest(2)} (1.0.2)", date(2026, 3, 12))
    assert next_cleaned_up(versions[2:], None, POLICY, NOW, {digest(3)}) is None


@pytest.mark.parametrize("created", ["yesterday", "", "2026-13-01"])
def test_a_damaged_time_is_no_time(created: str) -> None:
    assert archived_on(old(1, created), None, POLICY, NOW, ()).on is None


def test_an_image_of_the_last_day_there_is_has_no_day_after_it() -> None:
    assert archived_on(old(1, "9999-12-31T00:00:00Z"), None, POLICY, NOW, ()).on is None
