"""What the way back leads over: the ledger, the images and their rows, as far as each can be looked at."""

from __future__ import annotations

import pytest

from flowdrill.analysis.rollback_images import LookedAt, NamedImage
from flowdrill.engine.findings import Findings
from flowdrill.engine.way_back import image_rows, read_ledger
from flowdrill.errors import (
    BrokenLedgerError,
    ClusterAwayError,
    ClusterError,
    DrillRefusedError,
    FlowdrillError,
    ForbiddenError,
    LedgerError,
)
from flowdrill.model.events import BrakeSeen, End
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.readiness import Readiness
from flowdrill.model.status import Status
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_time import FakeTime
from tests.fakes.world import REPOSITORY, STABLE, STABLE_DIGEST, TAGGED, World

OTHER_DIGEST = "sha256:" + "c" * 64


def readiness(made: World) -> Readiness:
    (seen,) = made.all_of(BrakeSeen)
    return seen.readiness


def looked(why: str, written: str, digest: str | None = None, health: Health = Health.RETAINED) -> LookedAt:
    reference = parse_image_reference(written)
    found = reference if digest is None else reference.at_digest(digest)
    return LookedAt(NamedImage(why, reference), ImageHealth(found, Tier.COMPLETE, health))


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (BrokenLedgerError("the chain is broken at entry 2", "compare", entry=2), Status.FAIL),
        (LedgerError("holds no text", "put a copy back"), Status.FAIL),
        (ForbiddenError("must not get configmaps", "allow it"), Status.WARNING),
        (ClusterAwayError("cannot be reached", "try again"), Status.UNKNOWN),
        (ClusterError("answered with no object", "look"), Status.UNKNOWN),
    ],
)
def test_a_ledger_that_cannot_be_used_is_a_check_and_ends_nothing(problem: FlowdrillError, status: Status) -> None:
    made = World()
    made.ledger.problem = problem
    outcome = made.run()
    check = made.check("ledger_intact")
    assert (check.status, check.observed, check.detail) == (status, problem.problem, problem.remedy)
    assert outcome.end is (End.REFUSED if status is Status.FAIL else End.COMPLETED)
    assert made.check("revisions_retained").status is Status.PASS
    assert readiness(made).ledger_head is None


def test_without_a_ledger_nothing_is_said_of_one() -> None:
    time = FakeTime()
    ledger = read_ledger(None, Findings(time, lambda _: pytest.fail("nothing to tell")))
    assert ledger is not None
    assert ledger.entries == ()


def test_a_ledger_with_entries_shows_its_head_and_its_images_with_every_reason() -> None:
    made = World()
    entry = made.ledger.append(STABLE_DIGEST, TAGGED, "run-0", "")
    made.run()
    found = readiness(made)
    assert found.ledger_head == entry.hash
    (row,) = found.images
    assert row.roles == ("the stable image", f"verified {entry.verified_at} by run-0")


def test_an_image_has_one_row_whatever_it_is_called() -> None:
    rows = image_rows(
        (
            looked("the stable image", STABLE),
            looked("revision 1", TAGGED, STABLE_DIGEST),
            looked("revision 2", f"{REPOSITORY}:gone", health=Health.GONE),
            looked("revision 3", f"{REPOSITORY}:gone", health=Health.GONE),
            looked("verified", f"{REPOSITORY}@{OTHER_DIGEST}", health=Health.UNKNOWN),
        )
    )
    assert [row.roles for row in rows] == [
        ("the stable image", "revision 1"),
        ("revision 2", "revision 3"),
        ("verified",),
    ]
    assert [row.digest for row in rows] == [STABLE_DIGEST, "", OTHER_DIGEST]
    assert [row.health for row in rows] == [Health.RETAINED, Health.GONE, Health.UNKNOWN]


def test_a_registry_that_is_away_is_unknown_and_the_tables_are_there_all_the_same() -> None:
    made = World()
    made.registry.away = True
    outcome = made.run()
    assert isinstance(outcome.error, DrillRefusedError)
    assert made.check("stable_image_retained").status is Status.UNKNOWN
    found = readiness(made)
    assert [row.health for row in found.images] == [Health.UNKNOWN]
    assert found.access
    assert found.revisions


def test_a_cluster_that_goes_away_half_way_leaves_the_tables_that_were_gathered() -> None:
    made = World()

    def away() -> None:
        raise ClusterAwayError("cannot be reached", "try again")

    made.workload.surroundings = away  # type: ignore[method-assign, assignment]
    assert isinstance(made.run().error, ClusterAwayError)
    found = readiness(made)
    assert found.access
    assert (found.images, found.revisions, found.reach) == ((), (), None)


def test_a_ledger_of_another_kind_of_error_is_not_hidden() -> None:
    book = FakeLedger()
    book.problem = FlowdrillError("something else", "report it")
    time = FakeTime()
    with pytest.raises(FlowdrillError, match="something else"):
        read_ledger(book, Findings(time, lambda _: None))
