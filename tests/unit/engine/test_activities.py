"""Chaos Toolkit's activities run beside a drill: in their places, and what their end means is said by name."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.facts import GuardTold
from flowdrill.errors import ActivityError, DrillRefusedError
from flowdrill.model.activity import ActivityEnd, ActivityPlace
from flowdrill.model.events import (
    ActivityEnded,
    ActivityStarted,
    End,
    ImageSet,
    Phase,
    PhaseStarted,
    Purpose,
    RecoveryHeld,
)
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status
from tests.fakes.fake_activities import Act, FakeActivities
from tests.fakes.fake_guard import FakeGuard
from tests.fakes.world import World, drill_of


def one(name: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "provider": {"type": "python", "module": "team.chaos", "func": "act"}, **more}


def probe(name: str, **more: Any) -> dict[str, Any]:
    return one(name, "probe", **{"tolerance": True, **more})


def world_of(**chaos: Any) -> World:
    return World(drill=drill_of(chaos=chaos))


def fake(world: World) -> FakeActivities:
    assert isinstance(world.activities, FakeActivities)
    return world.activities


def result_of(world: World) -> Result:
    return report_of(world.record()).result


def set_at(world: World, purpose: Purpose) -> int:
    return next(event.instant.latest_ns for event in world.all_of(ImageSet) if event.purpose is purpose)


def restore_at(world: World) -> int:
    return next(event.at_ns for event in world.all_of(PhaseStarted) if event.phase is Phase.RESTORE)


EVERYWHERE = {
    "steady_state": [probe("steady")],
    "before": [one("prepare")],
    "during": [one("kill", at="triggered", after="2s"), one("look", at="recovered")],
    "after": [one("tidy")],
}


def test_each_activity_runs_in_its_place_and_the_drill_passes() -> None:
    world = world_of(**EVERYWHERE)
    outcome = world.run()
    assert (outcome.end, outcome.error, world.problems_left()) == (End.COMPLETED, None, [])
    assert fake(world).places() == [
        ("steady state", "steady"),
        ("before", "prepare"),
        ("during", "kill"),
        ("during", "look"),
        ("after", "tidy"),
        ("steady state after the restore", "steady"),
    ]
    begun = {slot.name: at_ns for slot, at_ns in fake(world).begun if slot.place is not ActivityPlace.RESTORED}
    assert begun["prepare"] < set_at(world, Purpose.BREAK)
    assert begun["kill"] == set_at(world, Purpose.ROLL_BACK) + seconds_to_ns(2)
    (held,) = world.all_of(RecoveryHeld)
    assert begun["look"] >= held.at_ns
    assert begun["tidy"] >= restore_at(world)
    result = result_of(world)
    assert result.verdict is Verdict.PASS
    assert [(row.name, row.place, row.end) for row in result.activities][2] == ("kill", "during", "done")
    assert {row.path for row in result.evidence} >= {"chaos/activities.json"}


def test_the_times_are_the_same_with_activities_and_without() -> None:
    plain, world = World(), world_of(**EVERYWHERE)
    plain.run()
    world.run()
    for name in ("time_to_detect", "reaction", "time_to_recover", "outage"):
        one_, other = (getattr(result_of(some).measures, name) for some in (plain, world))
        assert one_.earliest <= other.latest, name
        assert other.earliest <= one_.latest, name


def test_a_steady_state_that_does_not_hold_keeps_the_drill_from_beginning() -> None:
    world = world_of(**EVERYWHERE)
    fake(world).acts["steady"] = Act(tolerance_met=False, says="500")
    outcome = world.run()
    assert (outcome.end, world.problems_left()) == (End.UNSTEADY, [])
    assert not [event for event in world.all_of(ImageSet) if event.purpose is Purpose.BREAK]
    assert fake(world).places() == [("steady state", "steady")]  # nothing was done: nothing is to be cleaned up
    assert world.check("activity_steady").observed == "its answer is not within its tolerance: 500"
    assert result_of(world).verdict is Verdict.INCONCLUSIVE


def test_an_action_before_the_break_that_fails_keeps_it_from_coming_and_is_cleaned_up_after() -> None:
    world = world_of(**EVERYWHERE)
    fake(world).acts["prepare"] = Act(end=ActivityEnd.FAILED, says="ValueError: no")
    outcome = world.run()
    assert outcome.end is End.UNSTEADY
    assert "before: prepare: failed: ValueError: no; nothing was broken" in outcome.why
    assert ("after", "tidy") in fake(world).places()
    assert "kill" not in [name for _, name in fake(world).places()]
    assert result_of(world).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (Act(end=ActivityEnd.FAILED, says="Forbidden"), "failed: Forbidden"),
        (Act(end=ActivityEnd.DIED, says="exit code 7"), "its process ended: exit code 7"),
    ],
)
def test_an_action_that_was_not_done_leaves_the_drill_inconclusive(act: Act, says: str) -> None:
    world = world_of(during=[one("kill", at="triggered", limit="300s")])
    fake(world).acts["kill"] = act
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    check = world.check("activity_kill")
    assert (check.status, check.observed) == (Status.UNKNOWN, says)
    assert "the drill did not test what it says" in check.detail
    assert result_of(world).verdict is Verdict.INCONCLUSIVE


def test_an_action_that_hangs_is_waited_for_until_its_limit_once_users_are_served() -> None:
    world = world_of(during=[one("kill", at="triggered", limit="40s")])
    fake(world).acts["kill"] = Act(seconds=None)
    world.run()
    (ended,) = world.all_of(ActivityEnded)
    assert ended.end is ActivityEnd.TIMED_OUT
    assert world.check("activity_kill").status is Status.UNKNOWN


def test_a_probe_beside_the_drill_whose_tolerance_is_broken_fails_its_own_check() -> None:
    world = world_of(during=[probe("errors", at="broken", after="1s")])
    fake(world).acts["errors"] = Act(tolerance_met=False, says="0.7")
    world.run()
    assert world.check("activity_errors").status is Status.FAIL
    result = result_of(world)
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0].startswith("activity_errors: its answer is not within its tolerance: 0.7 (required: probe")


def test_one_whose_moment_never_came_is_said_not_to_have_begun() -> None:
    world = world_of(during=[one("late", at="triggered", after="10m"), one("never", at="detected")])
    world.bites = False  # nothing is ever detected
    world.run()
    for name in ("late", "never"):
        assert world.check(f"activity_{name}").observed == "it did not begin: the drill was over before"
    assert not fake(world).begun


def test_one_that_waits_for_its_time_does_not_hold_the_restore_up() -> None:
    world = world_of(during=[one("late", at="triggered", after="10m")])
    world.run()
    assert not fake(world).begun
    assert world.check("activity_late").status is Status.UNKNOWN
    assert world.time.now_ns() < set_at(world, Purpose.ROLL_BACK) + seconds_to_ns(120)


def test_what_goes_on_in_the_background_ends_with_the_drill() -> None:
    world = world_of(before=[one("stress", background=True, limit="1h")])
    fake(world).acts["stress"] = Act(seconds=None)
    world.run()
    (started,), (ended,) = world.all_of(ActivityStarted), world.all_of(ActivityEnded)
    assert started.instant.latest_ns <= set_at(world, Purpose.BREAK) < ended.at_ns <= restore_at(world)
    check = world.check("activity_stress")
    assert (check.status, check.observed) == (Status.PASS, "ended with the drill")
    assert result_of(world).verdict is Verdict.PASS


def test_what_fails_in_the_background_at_once_keeps_the_break_from_coming() -> None:
    world = world_of(before=[one("stress", background=True)])
    fake(world).acts["stress"] = Act(seconds=0, end=ActivityEnd.FAILED, says="no such program")
    outcome = world.run()
    assert (outcome.end, world.problems_left()) == (End.UNSTEADY, [])


def test_one_that_runs_while_somebody_stops_the_drill_is_ended_before_the_workload_is_put_back() -> None:
    world = world_of(during=[one("kill", at="broken")])
    fake(world).acts["kill"] = Act(seconds=None)
    world.at_the_break = lambda: world.stop_after(1)
    world.run()
    (ended,) = world.all_of(ActivityEnded)
    assert (ended.end, ended.at_ns <= restore_at(world)) == (ActivityEnd.STOPPED, True)


def test_the_clean_up_runs_also_when_somebody_stops_the_drill() -> None:
    world = world_of(**EVERYWHERE)
    world.at_the_break = lambda: world.stop_after(1)
    outcome = world.run()
    assert (outcome.end, world.problems_left()) == (End.INTERRUPTED, [])
    assert fake(world).places()[-2:] == [("after", "tidy"), ("steady state after the restore", "steady")]


def test_a_clean_up_that_fails_fails_the_drill_since_something_may_be_left() -> None:
    world = world_of(after=[one("tidy")])
    fake(world).acts["tidy"] = Act(end=ActivityEnd.FAILED, says="gone")
    world.run()
    assert world.check("activity_tidy").status is Status.FAIL
    assert "may be left behind" in world.check("activity_tidy").detail
    assert result_of(world).verdict is Verdict.FAIL
    assert world.problems_left() == []


def test_a_steady_state_that_does_not_come_back_is_left_behind() -> None:
    world = world_of(steady_state=[probe("steady")])
    fake(world).again["steady"] = Act(tolerance_met=False, says="503")
    world.run()
    check = world.check("steady_state_restored")
    assert (check.status, check.observed) == (Status.FAIL, "steady: its answer is not within its tolerance: 503")
    assert result_of(world).verdict is Verdict.FAIL


def test_a_steady_state_that_needs_a_moment_after_the_restore_is_asked_again() -> None:
    world = world_of(steady_state=[probe("steady")])

    def settles() -> None:
        fake(world).again["steady"] = Act(tolerance_met=True)

    fake(world).again["steady"] = Act(tolerance_met=False, does=lambda: world.time.after(3, settles))
    world.run()
    assert world.check("steady_state_restored").status is Status.PASS
    assert 1 < sum(place == ActivityPlace.RESTORED for place, _ in fake(world).places()) < 5
    assert len(result_of(world).activities) == 2


def test_what_chaos_toolkit_does_not_take_is_refused_before_anything_is_touched() -> None:
    world = world_of(**EVERYWHERE)
    fake(world).invalid = ("'kill': the module chaosk8s is not installed",)
    outcome = world.run()
    assert isinstance(outcome.error, DrillRefusedError)
    assert "activities_valid: 'kill': the module chaosk8s is not installed" in outcome.error.problem
    assert (outcome.end, fake(world).started) == (End.REFUSED, False)


def test_preflight_says_that_it_cannot_know_what_activities_need() -> None:
    world = world_of(**EVERYWHERE)
    world.run()
    assert "flowdrill cannot know" in world.check("activities_valid").detail


def test_one_that_does_not_get_ready_ends_the_drill_before_the_break() -> None:
    world = world_of(**EVERYWHERE)
    fake(world).not_ready = "'kill' hangs"
    outcome = world.run()
    assert isinstance(outcome.error, ActivityError)
    assert not [event for event in world.all_of(ImageSet) if event.purpose is Purpose.BREAK]
    assert world.problems_left() == []


def test_once_the_guard_acts_nothing_more_is_run() -> None:
    world = world_of(after=[one("tidy")])
    world.guard = FakeGuard(world.time)
    acts = GuardTold(0, "the guard has taken over", acts=True)
    world.at_the_break = lambda: world.time.after(1, lambda: world.time.tell(acts))
    world.run()
    assert fake(world).places() == []


def test_a_defect_of_an_activity_does_not_keep_anything_from_being_put_back() -> None:
    world = world_of(after=[one("tidy")])

    def fails() -> None:
        raise RuntimeError("the port is broken")

    fake(world).acts["tidy"] = Act(does=fails)
    world.run()
    assert world.problems_left() == []
