"""The labels by which a team allows drills: looked at in preflight, and once more directly before the break."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowdrill.engine.order import RunOrder
from flowdrill.model.events import End
from flowdrill.model.safety_plan import ALLOWED
from flowdrill.model.status import Status
from flowdrill.model.target_labels import TargetLabels
from tests.fakes.fake_time import FakeTime
from tests.fakes.world import World

BORNE = TargetLabels({ALLOWED: "true"}, None)


class LabelledWorld(World):
    """A world whose drill needs the label."""

    def order(self) -> RunOrder:
        return replace(super().order(), require_labels=((ALLOWED, "true"),))


def test_a_workload_that_bears_the_label_is_drilled() -> None:
    world = LabelledWorld()
    world.workload.borne = BORNE
    assert world.run().end is End.COMPLETED
    assert world.check("drill_allowed").status is Status.PASS


@pytest.mark.parametrize(
    ("borne", "said", "remedy"),
    [
        (TargetLabels({}, {}), "neither deployment/app nor namespace demo bears dev.flowdrill/allowed=true",
         "`kubectl -n demo label deployment/app dev.flowdrill/allowed=true`"),
        (TargetLabels({}, None, "ann must not get namespaces"), "labels are not known: ann must not get namespaces",
         "`kubectl -n demo label deployment/app dev.flowdrill/allowed=true`"),
        (TargetLabels({ALLOWED: "no\x1b[2J"}, {ALLOWED: "true"}), "deployment/app bears dev.flowdrill/allowed=no",
         "`kubectl -n demo label --overwrite deployment/app dev.flowdrill/allowed=true`"),
    ],
)  # fmt: skip
def test_one_that_does_not_is_refused_untouched_with_the_command_that_allows_it(
    borne: TargetLabels, said: str, remedy: str
) -> None:
    world = LabelledWorld()
    world.workload.borne = borne
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert outcome.error is not None
    assert outcome.error.problem.startswith("preflight: drill_allowed: ")
    assert said in outcome.error.problem
    assert remedy in outcome.error.remedy
    assert "\x1b" not in str(outcome.error)
    assert world.workload.patches == world.problems_left() == []


def test_a_label_that_is_taken_away_before_the_break_stops_the_drill() -> None:
    time = FakeTime()
    world = LabelledWorld(time=time)
    world.workload.borne = BORNE
    time.after(8.0, lambda: setattr(world.workload, "borne", TargetLabels({}, {})))  # in the baseline
    outcome = world.run()
    assert outcome.error is not None
    assert "no longer allowed" in outcome.error.problem
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_without_a_label_that_is_asked_for_nobody_looks() -> None:
    world = World()
    assert world.run().end is End.COMPLETED
    assert all(event.check.name != "drill_allowed" for event in world.events if hasattr(event, "check"))
