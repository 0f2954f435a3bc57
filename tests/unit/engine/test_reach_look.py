"""Which versions are looked at, tried and told for the rollback reach. Nothing is changed."""

from __future__ import annotations

import pytest

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.preflight import whole_reach
from flowdrill.errors import ClusterAwayError, ClusterError, DrillRefusedError, RegistryError
from flowdrill.model.events import BrakeSeen, Checked
from flowdrill.model.image_health import Health
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.reach import Aspect, Reach, ReachRow
from flowdrill.model.status import Status
from tests.fakes.world import REPOSITORY, STABLE, STABLE_DIGEST, TAGGED, World, drill_of

OLD_DIGEST = "sha256:" + "c" * 64
OLD = f"{REPOSITORY}@{OLD_DIGEST}"
DRILLS_TAG = "drill-edge-missing-" + "b" * 12


def world(*, verified: bool = True) -> World:
    """A workload with one earlier version, which everything holds for where it is verified."""
    made = World(drill=drill_of(rollback={"as": "on-call"}))
    made.registry.tagged |= {"0.9.0": OLD_DIGEST}
    made.registry.digests.add(OLD_DIGEST)
    made.workload.revisions = [OLD, STABLE]
    if verified:
        made.ledger.append(OLD_DIGEST, f"{REPOSITORY}:0.9.0", "run-0", "")
    return made


def reach_of(made: World) -> Reach:
    return whole_reach(made.order(), made.ports(), Narrator(made.time, made.emit))


def old_row(reach: Reach) -> ReachRow:
    (row,) = [row for row in reach.rows if row.digest == OLD_DIGEST]
    return row


def status_of(made: World, aspect: Aspect) -> Status:
    return old_row(reach_of(made)).finding(aspect).status


def test_an_earlier_version_that_everything_holds_for_is_the_brakes_length() -> None:
    made = world()
    reach = reach_of(made)
    assert (reach.versions_back, reach.nearest and reach.nearest.digest) == (1, OLD_DIGEST)
    assert [row.current for row in reach.rows] == [True, False]
    assert old_row(reach).tags == ("0.9.0",)
    assert made.workload.patches == []


def test_the_tags_of_drills_are_no_versions() -> None:
    made = world()
    made.registry.tagged[DRILLS_TAG] = "sha256:" + "b" * 64
    made.registry.digests.add("sha256:" + "b" * 64)
    assert {row.digest for row in reach_of(made).rows} == {STABLE_DIGEST, OLD_DIGEST}


def test_a_registry_that_lists_no_tags_leaves_what_the_cluster_and_the_ledger_know() -> None:
    made = world()

    def refuse(_: ImageReference) -> tuple[str, ...]:
        raise RegistryError("tags may not be listed", "ask")

    made.registry.tags = refuse  # type: ignore[method-assign]
    reach = reach_of(made)
    assert reach.nearest is not None
    assert reach.nearest.digest == OLD_DIGEST


def test_a_version_that_is_gone_holds_for_nobody() -> None:
    made = world()
    made.registry.found[OLD_DIGEST] = Health.DAMAGED
    reach = reach_of(made)
    assert reach.nearest is None
    assert old_row(reach).finding(Aspect.RETAINED).status is Status.FAIL
    assert old_row(reach).finding(Aspect.SAFE).status is Status.UNKNOWN


def test_a_version_that_nobody_verified_is_none_to_rely_on() -> None:
    assert status_of(world(verified=False), Aspect.VERIFIED) is Status.FAIL


@pytest.mark.parametrize(
    ("problem", "status"),
    [(ClusterError("a webhook denied it", "ask"), Status.FAIL), (ClusterAwayError("busy", "again"), Status.UNKNOWN)],
)
def test_each_version_is_tried_as_the_responder(problem: ClusterError, status: Status) -> None:
    made = world()
    accept = made.workload.would_accept
    tried: list[tuple[str, object]] = []

    def refuse_old(image: str, **more: object) -> None:
        tried.append((image, more["by"]))
        if image == OLD:
            raise problem
        accept(image)

    made.workload.would_accept = refuse_old  # type: ignore[method-assign, assignment]
    assert status_of(made, Aspect.PERMITTED) is status
    assert {by for _, by in tried} == {"responder"}


def test_a_responder_that_must_not_patch_is_not_tried() -> None:
    made = world()
    made.workload.denied = {("on-call", "patch", "deployments.apps")}
    made.workload.would_accept = lambda *_, **__: pytest.fail("was tried")  # type: ignore[method-assign]
    assert status_of(made, Aspect.PERMITTED) is Status.FAIL


def test_a_workload_by_tag_and_its_digest_are_one_version() -> None:
    made = World(image=TAGGED)
    reach = reach_of(made)
    assert [(row.digest, row.current) for row in reach.rows] == [(STABLE_DIGEST, True)]


def test_reach_is_refused_where_nobody_can_name_what_runs() -> None:
    with pytest.raises(DrillRefusedError, match="stable_image_pinned"):
        reach_of(World(image=f"{REPOSITORY}:latest"))


def test_a_preflight_says_the_same_of_what_it_has_looked_at() -> None:
    made = world()
    made.run()
    (seen,) = made.all_of(BrakeSeen)
    assert seen.readiness.reach is not None
    assert seen.readiness.reach.nearest is not None
    assert made.check("rollback_reach").status is Status.PASS


def test_no_earlier_version_is_a_warning() -> None:
    made = World()
    made.run()
    assert made.check("rollback_reach").observed == "no earlier version is known"
    assert {one.check.status for one in made.all_of(Checked) if one.check.name == "rollback_reach"} == {Status.WARNING}
