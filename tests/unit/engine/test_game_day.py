"""Game days in fake time: people are not told, and notice, say so, roll back, or do nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.facts import AckTold, ImageStill, InjectTold
from flowdrill.engine.lookout import THE_DRILL
from flowdrill.errors import TakenOverError
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.events import Acknowledged, Decided, Detected, End, Event, ImageSet, Injected, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.measured import Measure
from flowdrill.model.noticed import GameDayKind
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status
from tests.fakes.world import REPOSITORY, STABLE, World, drill_of


class GameDay(World):
    """A world in which people act at their times after the break."""

    def __init__(self, *, limit: str = "60s", rollback: dict[str, Any] | None = None, **drill: Any) -> None:
        plan = {"by": "human", "take_over_after": limit} if rollback is None else rollback
        super().__init__(drill=drill_of(rollback=plan, **drill))
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.broken_ns = 0

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, ImageSet) and event.purpose is Purpose.BREAK:
            self.broken_ns = event.instant.latest_ns
            for seconds, call in self._later:
                self.time.after(seconds, call)
            self.time.after(0.5, self._ask)

    def at(self, seconds: float, call: Callable[[], None]) -> GameDay:
        self._later.append((seconds, call))
        return self

    def acknowledged_at(self, seconds: float, by: str = "alice", *, asked_before: float = 0.2) -> GameDay:
        def tell() -> None:
            now = self.time.now_ns()
            asked = now - round(asked_before * 1e9)
            self.time.tell(AckTold(now, Instant(asked, now), by, "flowdrill ack"))

        return self.at(seconds, tell)

    def rolled_back_at(self, seconds: float, image: str = STABLE, manager: str = "kubectl") -> GameDay:
        return self.at(seconds, lambda: self.workload.people_set(image, manager))

    def _ask(self) -> None:
        """As the harness does beside the watch: twice a second, which image is it?"""
        now = self.time.now_ns()
        self.time.tell(ImageStill(now, now, self.workload.image))
        if self.workload.image != STABLE:
            self.time.after(0.5, self._ask)

    def result(self) -> Result:
        return report_of(self.record()).result

    def rolled_back(self) -> ImageSet:
        (found,) = (one for one in self.all_of(ImageSet) if one.purpose is Purpose.ROLL_BACK)
        return found

    def after_break(self, at_ns: int) -> float:
        return ns_to_seconds(at_ns - self.broken_ns)


def seconds_of(measure: Measure | None) -> float:
    assert measure is not None
    return measure.seconds


def test_somebody_acknowledges_and_then_rolls_back() -> None:
    world = GameDay(
        objectives={"time_to_detect": "30s", "time_to_acknowledge": "30s", "time_to_act": "30s", "outage": "60s"}
    )
    world.acknowledged_at(12).rolled_back_at(25.2)
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    result = world.result()
    assert result.verdict is Verdict.PASS
    assert result.reasons[0].startswith("4 of 4 objectives met")
    assert result.measures.time_to_detect == result.measures.time_to_acknowledge, "who acknowledges has noticed"
    assert seconds_of(result.measures.time_to_act) == pytest.approx(13, abs=0.2)
    assert world.rolled_back().instant == Instant(world.broken_ns + 25_000_000_000, world.broken_ns + 25_200_000_000)
    assert seconds_of(result.measures.time_to_recover) < 10
    assert result.instants.acknowledged is not None
    (triggering,) = (event for event in world.all_of(Detected) if event.triggers)
    assert (triggering.detector, triggering.says) == ("human", "alice, flowdrill ack")
    assert {event.detector for event in world.all_of(Detected)} == {"human", "sequential"}
    assert len(world.workload.patches) == 2, "the harness itself breaks and restores, and nothing more"
    assert not world.problems_left()


def test_the_report_says_who_rolled_back_and_how() -> None:
    world = GameDay().rolled_back_at(10)
    world.run()
    event = world.rolled_back()
    assert (event.identity, event.by_people, event.image) == ("somebody with kubectl", True, STABLE)
    assert event.how.startswith("kubectl rollout undo to revision 1; field manager kubectl (Update at 20")
    day = world.result().game_day
    assert day is not None
    assert (day.rolled_back_by, day.how, day.by_people) == (event.identity, event.how, True)
    assert world.result().run.rolled_back_as == "somebody with kubectl"
    assert [entry.kind for entry in day.entries] == [
        GameDayKind.BROKEN,
        GameDayKind.DETECTED,
        GameDayKind.ROLLED_BACK,
    ]
    assert [round(entry.since_break or 0) for entry in day.entries][-1] == 10


def test_who_acts_without_a_word_has_noticed_and_has_no_time_to_act() -> None:
    world = GameDay(objectives={"time_to_detect": "30s", "time_to_acknowledge": "30s", "time_to_act": "30s"})
    world.rolled_back_at(10)
    world.run()
    result = world.result()
    assert result.measures.time_to_detect is not None
    assert (result.measures.time_to_acknowledge, result.measures.time_to_act) == (None, None)
    failed = {one.name: (one.observed, one.detail) for one in result.objectives if one.status is Status.FAIL}
    assert set(failed) == {"time_to_acknowledge", "time_to_act"}
    assert failed["time_to_act"] == ("not measured", "they acted, and nobody had acknowledged before")
    assert failed["time_to_acknowledge"][1] == "nobody acknowledged"
    (human,) = (event for event in world.all_of(Detected) if event.detector == "human")
    assert (human.triggers, human.says) == (True, "rolled back")


def test_people_may_be_faster_than_every_detector() -> None:
    world = GameDay().acknowledged_at(0.3, asked_before=0.1).rolled_back_at(0.6)
    world.run()
    assert world.all_of(Detected)[0].detector == "human"
    assert world.check("people_rolled_back").status is Status.PASS
    assert world.rolled_back().by_people
    assert not world.problems_left()


def test_when_nobody_acts_the_limit_takes_over_and_the_verdict_is_fail() -> None:
    world = GameDay(objectives={"time_to_detect": "30s", "time_to_acknowledge": "30s", "time_to_act": "30s"})
    world.run()
    result = world.result()
    assert result.verdict is Verdict.FAIL
    assert "people_rolled_back: nobody did: the drill took over (required: somebody rolls back within 1 min" in str(
        result.reasons
    )
    (decided,) = world.all_of(Decided)
    assert decided.by == "the limit: nobody had rolled back, so the drill does"
    assert world.after_break(decided.at_ns) == pytest.approx(60, abs=0.1)
    assert not world.rolled_back().by_people
    assert (result.measures.time_to_detect, result.measures.time_to_act) == (None, None)
    assert seconds_of(result.measures.time_to_recover) < 10, "the way back itself works"
    (sequential,) = (one for one in result.detections if one.detector == "sequential")
    assert not sequential.triggers
    assert seconds_of(sequential.time_to_detect) < 5
    assert result.game_day is not None
    assert result.game_day.entries[-1].kind is GameDayKind.TAKEN_OVER
    assert result.game_day.entries[-1].what.startswith("nobody had rolled back within ")
    failed = {one.name: one.detail for one in result.objectives if one.status is Status.FAIL}
    assert failed["time_to_act"] == "nobody acted: the drill took over"
    assert not world.problems_left()


def test_who_acknowledges_and_does_not_act_is_waited_for_no_longer_than_the_limit() -> None:
    world = GameDay().acknowledged_at(20)
    world.run()
    result = world.result()
    assert result.verdict is Verdict.FAIL
    assert seconds_of(result.measures.time_to_acknowledge) == pytest.approx(19, abs=2)
    assert result.measures.time_to_act is None
    assert world.check("people_rolled_back").status is Status.FAIL
    (decided,) = world.all_of(Decided)
    assert world.after_break(decided.at_ns) == pytest.approx(60, abs=0.1)


def test_the_first_of_two_acknowledgements_counts_and_both_are_told() -> None:
    world = GameDay().acknowledged_at(10, "alice").acknowledged_at(11, "bob").rolled_back_at(20)
    world.run()
    assert [event.by for event in world.all_of(Acknowledged)] == ["alice", "bob"]
    assert len([event for event in world.all_of(Detected) if event.detector == "human"]) == 1
    day = world.result().game_day
    assert day is not None
    assert [entry.who for entry in day.entries if entry.kind is GameDayKind.ACKNOWLEDGED] == ["alice", "bob"]
    assert seconds_of(world.result().measures.time_to_act) == pytest.approx(10, abs=0.5)


def test_who_acknowledges_what_they_have_rolled_back_already_is_noted() -> None:
    world = GameDay().rolled_back_at(10).acknowledged_at(14)
    world.run()
    result = world.result()
    assert result.measures.time_to_acknowledge is not None
    assert result.measures.time_to_act is None


def test_an_acknowledgement_before_the_break_counts_for_nothing() -> None:
    world = GameDay()
    now = world.time.now_ns()
    world.time.after(3, lambda: world.time.tell(AckTold(now, Instant(now, now), "alice", "flowdrill ack")))
    world.rolled_back_at(10)
    world.run()
    result = world.result()
    assert result.measures.time_to_acknowledge is None
    assert result.game_day is not None
    assert result.game_day.entries[0].since_break is None


@pytest.mark.parametrize("when", [0.5, 8.0])
def test_somebody_who_sets_a_third_image_is_left_alone(when: float) -> None:
    world = GameDay().rolled_back_at(when, f"{REPOSITORY}:2.0.0", manager="argocd-controller")
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert isinstance(outcome.error, TakenOverError)
    assert "somebody else (field manager argocd-controller) set the image" in outcome.error.problem
    assert world.workload.image == f"{REPOSITORY}:2.0.0"
    assert world.result().verdict is Verdict.INCONCLUSIVE


def test_a_signal_while_people_are_waited_for_restores() -> None:
    world = GameDay().acknowledged_at(5)
    world.at(10, lambda: world.stop_after(0))
    outcome = world.run()
    assert (outcome.end, outcome.stop_signal) == (End.INTERRUPTED, "SIGINT")
    assert not world.problems_left()


def test_injects_are_told_at_their_times_until_the_drill_is_over() -> None:
    injects = [{"after": "20s", "text": "a customer calls"}, {"after": "5s", "text": "the CTO asks"}]
    world = GameDay(injects=[*injects, {"after": "10m", "text": "never"}]).rolled_back_at(30)
    world.at(7, lambda: world.time.tell(InjectTold(world.time.now_ns(), "check the dashboard", "the facilitator")))
    world.run()
    told = [(round(world.after_break(event.at_ns)), event.by, event.text) for event in world.all_of(Injected)]
    assert told == [
        (5, THE_DRILL, "the CTO asks"),
        (7, "the facilitator", "check the dashboard"),
        (20, THE_DRILL, "a customer calls"),
    ]
    day = world.result().game_day
    assert day is not None
    assert [entry.what for entry in day.entries if entry.kind is GameDayKind.INJECT] == [text for _, _, text in told]


def test_nothing_that_the_harness_writes_before_the_rollback_says_that_it_is_a_drill() -> None:
    world = GameDay().rolled_back_at(10)
    world.run()
    _, cause, _ = world.workload.patches[0]
    assert cause == "new image"
    usual = World()
    usual.run()
    assert usual.workload.patches[0][1] == "flowdrill run-1: break"


class Audit:
    """The `AuditTrail` port in memory. What was written is there `late` seconds after it happened."""

    def __init__(self, world: GameDay, *changes: tuple[float, AuditedChange], late: float = 0.3) -> None:
        self._world, self._planned, self._late = world, changes, late
        self.begun_ns: int | None = None

    def begin(self) -> None:
        self.begun_ns = self._world.time.now_ns()

    def changes(self) -> tuple[AuditedChange, ...]:
        since = self._world.after_break(self._world.time.now_ns())
        utc_ns = self._world.time.pair().utc_ns - round(since * 1e9)
        return tuple(
            replace(change, received_utc_ns=utc_ns + round(at * 1e9))
            for at, change in self._planned
            if at + self._late <= since
        )


ALICE = AuditedChange("alice", None, "kubectl/v1.36.2", "patch", None)


def test_the_audit_log_says_which_user_it_was_although_its_line_comes_later_than_the_change() -> None:
    world = GameDay().rolled_back_at(30)
    restarted = replace(ALICE, user="bob")
    world.audit = Audit(world, (20.0, restarted), (30.0, ALICE))
    world.run()
    event = world.rolled_back()
    assert event.identity == "alice"
    assert "audit log: patch by kubectl/v1.36.2" in event.how
    assert world.after_break(event.instant.latest_ns) == pytest.approx(30, abs=0.01)


def test_an_audit_log_that_stays_silent_is_not_waited_for_for_long() -> None:
    world = GameDay().rolled_back_at(30)
    world.audit = Audit(world, (30.0, ALICE), late=20)
    world.run()
    assert world.rolled_back().identity == "somebody with kubectl"


def test_an_acknowledgement_is_measured_in_a_drill_that_rolls_back_by_itself_too() -> None:
    world = GameDay(rollback={}).acknowledged_at(3.2)
    world.run()
    result = world.result()
    assert result.verdict is Verdict.PASS
    assert result.measures.time_to_acknowledge is not None
    assert result.game_day is not None
    assert not result.game_day.by_people
    (rolled_back,) = (one for one in result.game_day.entries if one.kind is GameDayKind.ROLLED_BACK)
    assert rolled_back.who == "the drill"


def test_a_time_to_act_needs_people_who_act() -> None:
    with pytest.raises(ValidationError, match=r"needs `rollback.by: human`"):
        drill_of(objectives={"time_to_act": "1m"})


@pytest.mark.parametrize("trigger", ["kubernetes", "sequential"])
def test_on_a_game_day_people_are_among_those_who_decide(trigger: str) -> None:
    with pytest.raises(ValidationError, match="do not fit: then people decide"):
        drill_of(rollback={"by": "human"}, detect={"trigger": trigger})


def test_where_any_word_counts_and_nobody_acts_people_have_not_noticed() -> None:
    world = GameDay(detect={"trigger": "any"})
    world.run()
    result = world.result()
    (noticed,) = (one for one in result.checks if one.name == "failure_detected")
    assert noticed.status is Status.FAIL
    assert result.verdict is Verdict.FAIL
