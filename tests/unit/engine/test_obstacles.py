"""What is put in the way is written down first, taken away first, and named in the verdict."""

from __future__ import annotations

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import ClusterError, NotRestoredError, ObstacleError
from flowdrill.model.events import Checked, End, ImageSet, ObstaclePut, ObstacleTaken, Purpose, UndoRegistered
from flowdrill.model.obstacle import ObstacleLook
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status
from tests.fakes.fake_obstacle import FakeObstacle
from tests.fakes.fake_registry import BROKEN_DIGEST
from tests.fakes.world import REPOSITORY, STABLE, World, drill_of

ON_CALL = "on-call"
FORBIDDEN = ClusterError("the API server is away", "wait")


def world_with(*obstacles: FakeObstacle, **drill: object) -> World:
    world = World(drill=drill_of(rollback={"as": ON_CALL, "limit": "20s"}, detect={"limit": "40s"}, **drill))
    world.obstacles = obstacles
    return world


def permission(world: World) -> FakeObstacle:
    return FakeObstacle(
        "permission-removed", lambda: world.workload.forbid.add(ON_CALL), lambda: world.workload.forbid.discard(ON_CALL)
    )


def pause(world: World) -> FakeObstacle:
    def paused(is_paused: bool) -> None:
        world.workload.pause(paused=is_paused)

    return FakeObstacle("rollout-paused", lambda: paused(True), lambda: paused(False))


def result_of(world: World) -> Result:
    return report_of(world.record()).result


def test_people_who_undo_before_an_obstacle_could_be_put_are_seen() -> None:
    world = World(drill=drill_of(rollback={"by": "human", "take_over_after": "60s"}))
    world.obstacles = (pause(world),)
    world.at_the_break = lambda: world.time.after(1, lambda: world.workload.people_set(STABLE, "kubectl"))
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    assert not world.all_of(ObstaclePut)
    (rolled_back,) = (one for one in world.all_of(ImageSet) if one.purpose is Purpose.ROLL_BACK)
    assert rolled_back.by_people


def test_a_brake_that_fails_is_a_failure_that_names_what_was_in_the_way_and_what_it_cost() -> None:
    world = world_with()
    world.obstacles = (permission(world),)
    outcome = world.run()
    result = result_of(world)
    assert (outcome.end, outcome.error, world.problems_left()) == (End.COMPLETED, None, [])
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0].startswith("brake_held: the rollback was refused: ")
    assert "(in the way: permission-removed)" in result.reasons[0]
    (row,) = result.obstacles
    assert (row.name, row.what, row.problem) == ("permission-removed", "permission-removed is in the way", None)
    assert row.taken is not None
    assert row.put.seconds < row.taken.seconds
    assert result.measures.outage is None
    cost = result.measures.outage_until_restore
    assert cost is not None
    assert 0 < cost.earliest <= cost.latest
    assert world.check("obstacles_removed").status is Status.PASS
    assert "obstacle-permission-removed.txt" in world.evidence.files


def test_a_brake_that_holds_all_the_same_passes_and_the_report_says_so() -> None:
    world = world_with(FakeObstacle("disruption-budget"))
    world.run()
    result = result_of(world)
    held = next(one for one in result.checks if one.name == "brake_held")
    assert (held.status, held.observed) == (Status.PASS, "it did (in the way: disruption-budget)")
    assert result.verdict is Verdict.PASS
    assert result.measures.outage_until_restore is None


def test_the_undo_has_it_before_it_is_put_and_it_goes_before_the_workload_is_put_back() -> None:
    world = world_with()
    world.obstacles = (permission(world),)
    world.run()
    order = [type(e) for e in world.events if isinstance(e, (UndoRegistered, ObstaclePut, ObstacleTaken, ImageSet))]
    assert order == [UndoRegistered, ObstaclePut, ImageSet, ObstacleTaken, ImageSet]
    assert world.evidence.undo is not None
    (undo,) = world.evidence.undo.obstacles
    assert (undo.obstacle, undo.by_hand) == ("permission-removed", ("undo permission-removed",))
    assert world.evidence.undo.by_hand().startswith("undo permission-removed; kubectl -n demo set image ")


def test_what_would_stop_the_broken_release_itself_is_put_once_that_is_everywhere() -> None:
    world = world_with()
    world.obstacles = (pause(world),)
    world.run()
    (put,) = world.all_of(ObstaclePut)
    broken = next(e for e in world.all_of(ImageSet) if e.purpose is Purpose.BREAK)
    assert put.at_ns > broken.at_ns
    result = result_of(world)
    assert "rollout-paused" in result.reasons[0]
    assert "did not complete" in result.reasons[0]
    assert "rollback_helped" not in {one.name for one in result.checks}, "it says nothing about the release"
    assert world.problems_left() == []


def test_what_waits_for_a_release_that_never_gets_everywhere_ends_the_drill() -> None:
    world = world_with()
    world.obstacles = (pause(world),)
    world.workload.never_ready = {f"{REPOSITORY}:drill-edge-missing-{'b' * 12}@{BROKEN_DIGEST}"}
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert isinstance(outcome.error, ObstacleError)
    assert "not put in the way: the broken release is not on every replica" in outcome.error.problem
    assert world.all_of(ObstaclePut) == []
    assert world.problems_left() == []


def test_what_was_put_half_way_is_taken_away_and_nothing_is_broken() -> None:
    world = world_with()
    obstacle = permission(world)
    obstacle.failing_puts.append(FORBIDDEN)
    world.obstacles = (obstacle,)
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert outcome.why == "permission-removed: could not be put in the way: the API server is away"
    assert not obstacle.is_there
    assert [e.purpose for e in world.all_of(ImageSet)] == []
    assert world.check("obstacles_removed").status is Status.PASS
    assert world.problems_left() == []


@pytest.mark.parametrize("answer", ["it is still there", FORBIDDEN])
def test_what_does_not_go_at_once_is_tried_again(answer: str | ClusterError) -> None:
    world = world_with()
    obstacle = permission(world)
    obstacle.stubborn.extend([answer] * 5)
    world.obstacles = (obstacle,)
    outcome = world.run()
    assert (outcome.error, obstacle.is_there, obstacle.takes) == (None, False, 6)
    assert [(e.obstacle, e.problem) for e in world.all_of(ObstacleTaken)] == [("permission-removed", None)]


def test_what_stays_in_the_way_is_an_error_with_its_command_and_the_workload_is_put_back_all_the_same() -> None:
    world = world_with()
    obstacle = permission(world)
    obstacle.stubborn.extend(["the role is gone"] * 10_000)
    world.obstacles = (obstacle, FakeObstacle("disruption-budget"))
    outcome = world.run()
    assert isinstance(outcome.error, NotRestoredError)
    assert "still in the way: permission-removed (the role is gone)" in outcome.error.problem
    assert "undo permission-removed; " in outcome.error.remedy
    assert "undo disruption-budget" not in outcome.error.remedy
    assert world.problems_left() == ["revisions", "lock", "images"], "what pods may still need, and what tells how"
    checks = {e.check.name: e.check.status for e in world.all_of(Checked)}
    assert (checks["ends_on_stable_digest"], checks["obstacles_removed"]) == (Status.PASS, Status.FAIL)
    (row, _) = result_of(world).obstacles
    assert (row.taken, row.problem) == (None, "the role is gone")


def test_a_signal_takes_it_away_too() -> None:
    world = world_with()
    obstacle = permission(world)
    world.obstacles = (obstacle,)
    world.stop_after(17)
    outcome = world.run()
    assert (outcome.end, obstacle.is_there, world.problems_left()) == (End.INTERRUPTED, False, [])


def test_what_cannot_be_put_refuses_the_drill_in_preflight() -> None:
    world = world_with()
    refused, away = FakeObstacle("permission-removed"), FakeObstacle("rollout-paused")
    refused.look_answer = ObstacleLook(Status.FAIL, "there is no RoleBinding", "make one")
    away.look_error = FORBIDDEN
    world.obstacles = (refused, away)
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert world.check("obstacle_permission_removed").observed == "there is no RoleBinding"
    assert world.check("obstacle_rollout_paused").observed == "the API server is away"
    assert (refused.takes, away.takes) == (0, 0)


def test_it_is_told_what_it_stands_in_the_way_of() -> None:
    obstacle = FakeObstacle("disruption-budget")
    world = world_with(obstacle)
    world.run()
    assert obstacle.scene is not None
    assert obstacle.scene.stable.endswith("a" * 64)
    assert obstacle.scene.broken.endswith("b" * 64)
    assert obstacle.scene.run_id == "run-1"
