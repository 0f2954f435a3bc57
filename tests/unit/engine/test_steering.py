"""A drill that somebody else carries from step to step, in fake time: when it goes on, and what is measured."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.facts import EndAsked, Step, StepAsked
from flowdrill.model.events import End, ImageSet, Purpose
from flowdrill.model.measured import Measure
from flowdrill.model.result import Result, Verdict
from tests.fakes.world import STABLE, World


class Steered(World):
    """A world whose drill is told to take each step some seconds after it has come there; None: never."""

    def __init__(self, **after: float | None) -> None:
        super().__init__()
        self.after: dict[str, float | None] = {"START": 0.1, "BREAK": 0.1, "ROLL_BACK": 0.1, "RESTORE": 0.1, **after}
        self.arrivals: list[Step] = []
        self.ends_at: Step | None = None
        self.steering = self

    words = "steered by a test"

    def arrived(self, step: Step) -> None:
        self.arrivals.append(step)
        seconds = self.after[step.name]
        if step is self.ends_at:
            self.time.after(1, lambda: self.time.tell(EndAsked(self.time.now_ns(), "the experiment is over")))
        elif seconds is not None:
            self.time.after(seconds, lambda: self.time.tell(StepAsked(self.time.now_ns(), step)))

    def result(self) -> Result:
        return report_of(self.record()).result

    def purposes(self) -> list[Purpose]:
        return [one.purpose for one in self.all_of(ImageSet)]


def seconds_of(measure: Measure | None) -> float:
    assert measure is not None
    return measure.seconds


def test_a_drill_comes_to_each_step_and_ends_as_one_that_goes_on_by_itself() -> None:
    world, alone = Steered(), World()
    assert world.run().end is alone.run().end is End.COMPLETED
    assert world.arrivals == [Step.START, Step.BREAK, Step.ROLL_BACK, Step.RESTORE]
    assert world.problems_left() == []
    result, other = world.result(), report_of(alone.record()).result
    assert (result.verdict, [one.name for one in result.checks]) == (
        other.verdict,
        [one.name for one in other.checks],
    )
    assert result.verdict is Verdict.PASS
    assert "steered by a test" in result.notes


@pytest.mark.parametrize("late", [10.0, 60.0])
def test_whoever_rolls_back_late_changes_the_reaction_and_no_other_measure(late: float) -> None:
    # by 5 s every replica is broken: before that, there is less to roll back
    world, prompt = Steered(ROLL_BACK=5 + late, RESTORE=30.0), Steered(ROLL_BACK=5.0, RESTORE=0.0)
    world.run()
    prompt.run()
    measures, quick = world.result().measures, prompt.result().measures
    for name in ("time_to_detect", "time_to_recover"):
        assert seconds_of(getattr(measures, name)) == pytest.approx(seconds_of(getattr(quick, name)), abs=0.2), name
    assert seconds_of(measures.reaction) - seconds_of(quick.reaction) == pytest.approx(late, abs=0.1)
    assert seconds_of(measures.outage) - seconds_of(quick.outage) == pytest.approx(late, abs=0.2)


def test_an_order_that_came_before_its_step_is_kept() -> None:
    world = Steered(ROLL_BACK=None)
    world.time.after(1, lambda: world.time.tell(StepAsked(world.time.now_ns(), Step.ROLL_BACK)))
    assert world.run().end is End.COMPLETED
    assert seconds_of(world.result().measures.reaction) < 0.2


@pytest.mark.parametrize("step", [Step.START, Step.BREAK])
def test_what_nobody_asks_for_breaks_nothing(step: Step) -> None:
    world = Steered(**{step.name: None})
    outcome = world.run()
    assert outcome.end is End.INTERRUPTED
    assert outcome.why == f"nobody has asked for the step '{step.value}' within 10 min 00 s"
    assert world.purposes() == []
    assert world.problems_left() == []
    assert world.result().verdict is Verdict.INCONCLUSIVE


def test_a_rollback_that_nobody_asks_for_is_taken_all_the_same() -> None:
    world = Steered(ROLL_BACK=None)
    assert world.run().end is End.COMPLETED
    assert Purpose.ROLL_BACK in world.purposes()
    assert any("'roll back'" in note and "the drill takes it by itself" in note for note in world.result().notes)
    assert seconds_of(world.result().measures.reaction) > 599


def test_a_restore_that_nobody_asks_for_comes_all_the_same() -> None:
    world = Steered(RESTORE=None)
    assert world.run().end is End.COMPLETED
    assert world.result().verdict is Verdict.PASS
    assert world.problems_left() == []


@pytest.mark.parametrize(
    ("step", "end", "verdict"),
    [
        (Step.START, End.INTERRUPTED, Verdict.INCONCLUSIVE),
        (Step.BREAK, End.INTERRUPTED, Verdict.INCONCLUSIVE),
        (Step.ROLL_BACK, End.INTERRUPTED, Verdict.INCONCLUSIVE),
        (Step.RESTORE, End.COMPLETED, Verdict.PASS),
    ],
)
def test_whoever_ends_the_drill_has_everything_put_back(step: Step, end: End, verdict: Verdict) -> None:
    world = Steered()
    world.ends_at = step
    outcome = world.run()
    assert outcome.end is end
    assert world.workload.image == STABLE
    assert world.problems_left() == []
    assert world.result().verdict is verdict
    if end is End.INTERRUPTED:
        assert outcome.why == "the experiment is over"


def test_a_signal_while_it_waits_ends_the_drill() -> None:
    world = Steered(ROLL_BACK=None)
    arrived = world.arrived

    def arrive(step: Step) -> Any:
        arrived(step)
        if step is Step.ROLL_BACK:
            world.stop_after(2)

    world.arrived = arrive  # type: ignore[method-assign]
    assert world.run().end is End.INTERRUPTED
    assert world.problems_left() == []
