"""Locust is stopped (SIGSTOP), and perhaps goes on: it measures nothing then, and no drill takes that for users."""

from __future__ import annotations

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import LoadError
from flowdrill.model.events import End, ImageSet, Purpose
from flowdrill.model.result import Verdict
from tests.fakes.world import World


def is_broken(world: World) -> bool:
    return any(one.purpose is Purpose.BREAK for one in world.all_of(ImageSet))


@pytest.mark.parametrize("after_break_seconds", [0.05, 0.4, 2.0, 6.0])
def test_a_load_that_stands_still_ends_the_drill_and_everything_is_put_back(after_break_seconds: float) -> None:
    world = World()
    world.at_the_break = lambda: world.time.after(after_break_seconds, world.load.stand_still)
    outcome = world.run()
    assert isinstance(outcome.error, LoadError)
    assert "Locust has sent nothing for" in outcome.error.problem
    assert world.problems_left() == []
    assert report_of(world.record()).result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("at_seconds", [3.0, 10.0])
def test_nothing_is_broken_while_the_load_stands_still(at_seconds: float) -> None:
    world = World()
    world.time.after(at_seconds, world.load.stand_still)
    outcome = world.run()
    assert outcome.end in (End.UNSTEADY, End.FAILED)
    assert not is_broken(world)
    assert world.problems_left() == []
    assert report_of(world.record()).result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("pause_seconds", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("after_break_seconds", [0.05, 0.4, 2.0, 6.0])
def test_a_load_that_stood_still_for_a_moment_makes_no_verdict(
    after_break_seconds: float, pause_seconds: float
) -> None:
    world = World()

    def stop_for_a_moment() -> None:
        world.load.stand_still()
        world.time.after(pause_seconds, world.load.go_on)

    world.at_the_break = lambda: world.time.after(after_break_seconds, stop_for_a_moment)
    world.run()
    assert world.problems_left() == []
    result = report_of(world.record()).result
    assert result.verdict is Verdict.INCONCLUSIVE, result.reasons
