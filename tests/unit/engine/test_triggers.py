"""Who notices, and whose word is enough for the rollback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.facts import AckTold, AlertSeen
from flowdrill.errors import TakenOverError
from flowdrill.model.alerts import AlertStage
from flowdrill.model.detect_plan import DetectPlan
from flowdrill.model.events import Decided, Detected, End, ImageSet, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.result import Result, Verdict
from tests.fakes.world import STABLE, World, drill_of

RULE = "bad_ratio > 5% over 1m"
PROMETHEUS = {"url": "http://127.0.0.1:9090", "alerts": {"FlowFailing": {}}}


def world_of(**detect: Any) -> World:
    return World(drill=drill_of(detect={"limit": "60s", **detect}))


def result_of(world: World) -> Result:
    return report_of(world.record()).result


def fires_after(world: World, seconds: float, *, detects: bool = True) -> None:
    def tell() -> None:
        now = world.time.now_ns()
        world.time.tell(AlertSeen(now, "FlowFailing", AlertStage.FIRING, Instant(now, now), detects))

    world.time.after(seconds, tell)


def triggered_by(world: World) -> str:
    (found,) = (event.detector for event in world.all_of(Detected) if event.triggers)
    return found


def test_the_first_of_any_triggers_and_the_other_is_measured() -> None:
    world = World(drill=drill_of(), crashing_once_ready="drill-")
    world.run()
    assert triggered_by(world) == "kubernetes"
    said = {one.detector: one for one in result_of(world).detections}
    assert set(said) == {"kubernetes", "sequential"}
    assert said["sequential"].time_to_detect is not None


def test_a_named_detector_triggers_alone() -> None:
    world = World(drill=drill_of(detect={"trigger": "sequential"}), crashing_once_ready="drill-")
    world.run()
    assert triggered_by(world) == "sequential"
    assert [event.detector for event in world.all_of(Detected)] == ["kubernetes", "sequential"]


def test_all_waits_for_the_last() -> None:
    world = World(drill=drill_of(detect={"trigger": "all"}), crashing_once_ready="drill-")
    world.run()
    last = world.all_of(Detected)[-1]
    assert last.triggers
    rolled_back = next(event for event in world.all_of(ImageSet) if event.purpose is Purpose.ROLL_BACK)
    assert rolled_back.instant.earliest_ns >= last.instant.latest_ns


def test_where_alerts_are_named_they_trigger_and_nothing_else() -> None:
    world = world_of(prometheus=PROMETHEUS)
    fires_after(world, 45)
    world.run()
    assert triggered_by(world) == "FlowFailing"
    result = result_of(world)
    assert result.trigger == "FlowFailing"
    assert result.measures.time_to_detect is not None
    by_name = {one.detector: one.time_to_detect for one in result.detections}
    sequential = by_name["sequential"]
    assert sequential is not None
    assert sequential.seconds < 2 < result.measures.time_to_detect.seconds, "flowdrill's own is the yardstick"


def test_an_alert_that_never_comes_is_waited_for_until_the_limit_and_fails() -> None:
    world = world_of(prometheus=PROMETHEUS)
    world.run()
    (decided,) = world.all_of(Decided)
    assert decided.by == "the limit: not all had detected the failure, but sequential"
    result = result_of(world)
    assert result.verdict is Verdict.FAIL
    assert result.measures.time_to_detect is None
    assert result.silent_detectors == ("kubernetes", "FlowFailing")
    broken = next(event for event in world.all_of(ImageSet) if event.purpose is Purpose.BREAK)
    assert ns_to_seconds(decided.at_ns - broken.instant.latest_ns) == pytest.approx(60, abs=0.1)
    assert not world.problems_left()


def test_a_word_before_the_break_is_no_detection_and_nothing_is_broken() -> None:
    world = world_of(prometheus=PROMETHEUS)
    fires_after(world, 1)
    world.run()
    assert not world.all_of(Detected)
    assert not world.all_of(ImageSet)
    assert result_of(world).verdict is Verdict.INCONCLUSIVE


def test_somebody_who_rolls_back_first_ends_the_drill_which_measures_nothing_of_theirs() -> None:
    world = world_of(prometheus=PROMETHEUS)
    world.at_the_break = lambda: world.time.after(10, lambda: world.workload.people_set(STABLE, "argocd-controller"))
    outcome = world.run()
    assert isinstance(outcome.error, TakenOverError)
    assert "somebody else (field manager argocd-controller) has put deployment/app back" in outcome.error.problem
    assert not [one for one in world.all_of(ImageSet) if one.purpose is Purpose.ROLL_BACK]
    result = result_of(world)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.measures.time_to_recover is None
    assert not world.problems_left()


def test_an_acknowledgement_where_nobody_was_asked_is_no_failure_seen() -> None:
    world = world_of()
    world.bites = False

    def said() -> None:
        now = world.time.now_ns()
        world.time.tell(AckTold(now, Instant(now, now), "ann", "flowdrill ack"))

    world.at_the_break = lambda: world.time.after(5, said)
    assert world.run().end is End.NOT_BROKEN
    assert result_of(world).verdict is Verdict.INCONCLUSIVE


def test_a_stage_that_nobody_hears_of_detects_nothing() -> None:
    world = world_of(prometheus=PROMETHEUS)
    fires_after(world, 40, detects=False)
    world.run()
    assert "FlowFailing" in result_of(world).silent_detectors


@pytest.mark.parametrize(
    ("detect", "says"),
    [
        ({"trigger": "FlowFalling", "prometheus": PROMETHEUS}, "names no detector: 'FlowFalling'"),
        ({"rules": {"sequential": RULE}}, "two detectors are called 'sequential'"),
        ({"rules": {"any": RULE}}, "two detectors are called 'any'"),
        (
            {"rules": {"FlowFailing": "bad_ratio > 5% over 1m"}, "prometheus": PROMETHEUS},
            "two detectors are called 'FlowFailing'",
        ),
        ({"alertmanager": {"url": "http://a"}}, "`alertmanager` needs `prometheus`"),
        ({"prometheus": {**PROMETHEUS, "url": "http://me:secret@a"}}, "no user"),
        ({"prometheus": {**PROMETHEUS, "username": "me"}}, "need each other"),
        ({"prometheus": {**PROMETHEUS, "alerts": {}}}, "at least 1"),
        ({"prometheus": {**PROMETHEUS, "headers": {"Authorization": "secret"}}}, "must not be written into a drill"),
    ],
)
def test_what_cannot_be_meant_is_refused(detect: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        DetectPlan.model_validate_json(json.dumps(detect))
    assert "secret" not in str(caught.value.errors(include_input=False))


@pytest.mark.parametrize(
    ("rollback", "detect", "says"),
    [
        ({}, {"trigger": "human"}, "needs `rollback.by: human`"),
        ({"take_over_after": "1m"}, {}, "needs `by: human`"),
        ({"strategy": "command"}, {}, "need each other"),
        ({"strategy": "undo", "command": ["true"]}, {}, "need each other"),
    ],
)
def test_a_way_back_that_cannot_be_meant_is_refused(
    rollback: dict[str, Any], detect: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        drill_of(rollback=rollback, detect=detect)
