"""How far back a workload can be rolled right now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from flowdrill.analysis.reach import Permission, reach_of
from flowdrill.analysis.safety import Judged
from flowdrill.model.image_health import Health
from flowdrill.model.ledger import Ledger
from flowdrill.model.reach import Aspect, Reach, ReachRow
from flowdrill.model.status import Status
from tests.unit.analysis.reaches import NAME, digest, entry, facts, image, revision

WELL = facts()


def letters(reach: Reach) -> str:
    return "".join((row.digest or "sha256:?")[7] for row in reach.rows)


def row_of(letter: str, **changes: Any) -> ReachRow:
    return next(row for row in reach_of(facts(**changes)).rows if row.digest == digest(letter))


def said(letter: str, aspect: Aspect, **changes: Any) -> tuple[Status, str]:
    found = row_of(letter, **changes).finding(aspect)
    return found.status, found.words


def test_what_runs_comes_first_and_the_version_before_it_is_one_back() -> None:
    reach = reach_of(WELL)
    assert letters(reach) == "abc"
    assert [row.current for row in reach.rows] == [True, False, False]
    assert reach.nearest is reach.rows[1]
    assert (reach.versions_back, reach.at) == (1, "2026-11-26T10:00:00+00:00")
    assert all(finding.status is Status.PASS for row in reach.rows for finding in row.findings)


@pytest.mark.parametrize(
    "changes",
    [
        {"images": {**WELL.images, digest("b"): image("b", Health.INCOMPLETE)}},
        {"images": {**WELL.images, digest("b"): image("b", Health.UNKNOWN)}},
        {"images": {digest("c"): image("c")}},
        {"ledger": Ledger("configmap/ledger", (entry("c"),))},
        {"permissions": {**WELL.permissions, digest("b"): Permission(False, "denied by an admission webhook")}},
        {"permissions": {digest("c"): Permission(True, "accepted")}},
        {"safety": {**WELL.safety, digest("b"): (Judged(Status.PASS, "x"), Judged(Status.FAIL, "CVE-1"))}},
        {"safety": {**WELL.safety, digest("b"): (Judged(Status.UNKNOWN, "no scanner"),)}},
        {"safety": {digest("c"): (Judged(Status.PASS, "x"),)}},
    ],
)
def test_a_version_that_fails_or_is_not_known_in_anything_is_passed_over(changes: dict[str, Any]) -> None:
    reach = reach_of(facts(**changes))
    assert reach.nearest is not None
    assert (reach.nearest.digest, reach.versions_back) == (digest("c"), 2)
    assert len(reach.rows[1].obstacles) == 1


def test_there_is_nothing_to_roll_back_to_where_every_version_lacks_something() -> None:
    reach = reach_of(facts(permissions={}))
    assert (reach.nearest, reach.versions_back) == (None, None)


def test_a_revision_that_is_no_longer_kept_warns_since_the_image_alone_can_go_back() -> None:
    changes = {"revisions": (revision("a", 5, current=True),)}
    status, words = said("b", Aspect.REVISION, **changes)
    assert (status, "sets the image alone" in words) == (Status.WARNING, True)
    assert row_of("b", **changes).holds


def test_what_else_a_rollback_would_change_warns() -> None:
    revisions = (revision("a", 5, current=True), revision("b", 4, differences=("env MODE: new -> old",)))
    status, words = said("b", Aspect.REVISION, revisions=revisions)
    assert status is Status.WARNING
    assert words == "replicaset/app-4 (revision 4) differs by more than the image: env MODE: new -> old"
    assert row_of("b", revisions=revisions).differences == ("env MODE: new -> old",)


def test_versions_without_a_revision_follow_by_when_they_were_verified_then_by_when_they_were_made() -> None:
    ledger = Ledger("file", (entry("e", 1, 2), entry("d", 2, 8), entry("a", 3, 20)))
    images = {**WELL.images, digest("9"): image("9", day=4), digest("f"): image("f", day=3)}
    reach = reach_of(facts(ledger=ledger, images=images))
    assert letters(reach) == "abcd9fe"


def test_a_version_verified_twice_is_one_row_with_its_newest_entry() -> None:
    ledger = Ledger("file", (*WELL.ledger.entries, entry("c", 4, 25)))
    assert letters(reach_of(facts(ledger=ledger))) == "abc"
    verified = row_of("c", ledger=ledger).verified
    assert verified is not None
    assert verified.number == 4


def test_an_older_revision_of_what_runs_is_no_earlier_version() -> None:
    revisions = (revision("a", 5, current=True), revision("a", 4), revision("b", 3))
    reach = reach_of(facts(revisions=revisions, images={}, ledger=Ledger("file")))
    assert letters(reach) == "ab"
    assert reach.rows[0].revision == revisions[0]


def test_a_revision_by_tag_is_the_image_that_its_tag_was_found_to_be() -> None:
    tagged = revision("b", 4, image=f"{NAME}:1.15.0")
    changes: dict[str, Any] = {"revisions": (revision("a", 5, current=True), tagged)}
    found = row_of("b", **changes, digests={f"{NAME}:1.15.0": digest("b")})
    assert (found.revision, found.holds) == (tagged, True)


def test_a_revision_whose_tag_nobody_knows_is_a_row_that_does_not_hold() -> None:
    tagged = revision("b", 4, image=f"{NAME}:gone")
    reach = reach_of(facts(revisions=(revision("a", 5, current=True), tagged), digests={f"{NAME}:gone": None}))
    row = reach.rows[1]
    assert (row.digest, row.reference, row.holds) == (None, f"{NAME}:gone", False)
    assert row.finding(Aspect.RETAINED).status is Status.UNKNOWN


def test_a_revision_whose_image_is_no_reference_is_a_row_too() -> None:
    row = reach_of(facts(revisions=(revision("b", 9, image="Not An Image"),))).rows[1]
    assert (row.digest, row.reference) == (None, "Not An Image")


def test_what_runs_is_known_by_its_pods_although_its_tag_has_moved() -> None:
    tagged = revision("a", 5, current=True, image=f"{NAME}:1.20.0")
    reach = reach_of(facts(revisions=(tagged,), digests={f"{NAME}:1.20.0": digest("b")}))
    assert reach.rows[0].revision == tagged
    assert reach.rows[1].revision is None


@pytest.mark.parametrize(
    ("day", "status", "words"),
    [
        (None, Status.PASS, "keep it"),
        (date(2026, 12, 24), Status.PASS, "take it away on 2026-12-24"),
        (date(2026, 12, 3), Status.WARNING, "take it away on 2026-12-03"),
        (date(2026, 11, 26), Status.WARNING, "may take it away, since 2026-11-26"),
    ],
)
def test_the_day_of_the_clean_up_warns_when_it_is_near(day: date | None, status: Status, words: str) -> None:
    changes = {"archived_on": {digest("b"): day}}
    found_status, found_words = said("b", Aspect.CLEAN_UP, **changes)
    assert (found_status, words in found_words) == (status, True)
    assert row_of("b", **changes).archived_on == (None if day is None else day.isoformat())


def test_a_clean_up_that_nobody_knows_the_day_of_warns() -> None:
    assert said("b", Aspect.CLEAN_UP, archived_on={})[0] is Status.WARNING


@pytest.mark.parametrize("created", [None, "", "yesterday", "9999-99-99", "2026-11-01", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_does_not_break_the_order(created: str | None) -> None:
    seen = image("9")
    odd = replace(seen, health=replace(seen.health, created=created))
    assert letters(reach_of(facts(images={**WELL.images, digest("9"): odd}))) == "abc9"
