"""Faults that users never meet, releases without a fault, and what a release changes beside its image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import DrillRefusedError, PlanError
from flowdrill.model.container_fields import variables_of
from flowdrill.model.events import Detected, End, Purpose
from flowdrill.model.result import Result, Verdict
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from tests.fakes.fake_registry import BROKEN_DIGEST
from tests.fakes.world import World, drill_of

GREETING = (Path(__file__).parents[3] / "scenarios/flows/greeting.json").read_text(encoding="utf-8")
KEY = {"name": "LANGFLOW_API_KEY", "value": "right"}


def scenario_of(symptom: str, **more: Any) -> Scenario:
    changes = more.pop("changes", {"env": {"set": {"A": "b"}}})
    text = {"scenario": "edge-missing", "story": "s", "symptom": symptom, "seen_by_users": "u", "changes": changes}
    return Scenario.model_validate_json(json.dumps(text | more))


def carried_out(world: World) -> Result:
    outcome = world.run()
    assert outcome.error is None, outcome.error
    assert world.problems_left() == []
    return report_of(world.record()).result


def checks(result: Result) -> dict[str, Status]:
    return {check.name: check.status for check in result.checks}


def test_a_crash_loop_behind_a_healthy_version_is_measured_on_what_the_cluster_shows() -> None:
    world = World(scenario=scenario_of("stalled-rollout"), crashing=BROKEN_DIGEST)
    result = carried_out(world)
    assert (result.verdict, result.end) == (Verdict.PASS, End.COMPLETED)
    (found,) = world.all_of(Detected)
    assert (found.detector, found.triggers, found.statistic) == ("kubernetes", True, None)
    assert found.says.endswith("Error (exit code 1)")
    assert result.instants.impact is None
    assert result.measures.time_to_detect is not None, "counted from the break"
    assert result.measures.outage is not None
    assert (result.measures.outage.earliest, result.measures.outage.latest) == (0, 0)
    assert result.measures.time_to_recover is None
    told = {objective.name: (objective.status, objective.observed) for objective in result.objectives}
    assert told["time_to_recover"] == (Status.PASS, "no user was ever hit")
    assert checks(result)["symptom_seen"] is Status.PASS


def test_a_fault_that_was_to_stall_the_rollout_and_reached_users_is_another_one() -> None:
    result = carried_out(World(scenario=scenario_of("stalled-rollout")))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert checks(result)["symptom_seen"] is Status.UNKNOWN


def test_a_fault_that_only_the_cluster_sees_although_users_were_to_meet_it_is_inconclusive() -> None:
    result = carried_out(World(scenario=scenario_of("bad-answers"), crashing=BROKEN_DIGEST))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert checks(result)["symptom_seen"] is Status.UNKNOWN


def test_the_detector_that_comes_second_is_recorded_and_triggers_nothing() -> None:
    world = World(crashing_once_ready=BROKEN_DIGEST)
    carried_out(world)
    found = world.all_of(Detected)
    assert {event.detector for event in found} == {"sequential", "kubernetes"}
    assert [event.triggers for event in found] == [True, False]


def test_a_harmless_release_passes_when_nothing_fires_and_measures_nothing() -> None:
    world = World(scenario=scenario_of("nothing"), drill=drill_of(detect={"limit": "20s"}))
    world.bites = False
    result = carried_out(world)
    assert (result.verdict, result.end) == (Verdict.PASS, End.NOT_BROKEN)
    assert "nothing broke within 20 s" in result.reasons[0]
    assert not any(dict(result.measures).values())
    assert result.objectives == ()
    assert checks(result)["release_rolled_out"] is Status.PASS


def test_a_harmless_release_that_does_not_roll_out_in_time_shows_nothing() -> None:
    world = World(scenario=scenario_of("nothing"), drill=drill_of(detect={"limit": "5s"}), step_seconds=4.0)
    world.bites = False
    result = carried_out(world)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert checks(result)["release_rolled_out"] is Status.UNKNOWN


def test_a_detector_that_fires_at_a_harmless_release_fails_the_control() -> None:
    result = carried_out(World(scenario=scenario_of("nothing")))
    assert result.verdict is Verdict.FAIL
    assert checks(result)["symptom_seen"] is Status.FAIL


def test_a_fault_that_does_not_bite_says_what_was_seen_instead() -> None:
    world = World(drill=drill_of(detect={"limit": "20s"}))
    world.bites = False
    result = carried_out(world)
    assert (result.verdict, result.end) == (Verdict.INCONCLUSIVE, End.NOT_BROKEN)
    assert "Seen instead: the broken release on every replica; " in result.reasons[0]
    assert "answers as before; 2/2 replicas updated, 2 ready" in result.reasons[0]


ENV = {"workload": {"env": {"set": {"LANGFLOW_API_KEY": "wrong"}}}}


def test_what_a_release_changes_in_the_container_goes_back_with_the_rollback() -> None:
    world = World(scenario=scenario_of("bad-answers", changes=ENV))
    seen: list[tuple[Purpose, Any]] = []
    accept = world.workload.set_image

    def noted(image: str, change_cause: str | None, **more: Any) -> None:
        accept(image, change_cause, **more)
        seen.append((image, dict(world.workload.container)))

    world.workload.set_image = noted  # type: ignore[method-assign]
    result = carried_out(world)
    assert result.verdict is Verdict.PASS
    values = [container["env"][0]["value"] for _, container in seen]
    assert values == ["wrong", "right"], "break, roll back, and nothing is left to be restored"
    assert world.evidence.undo is not None
    assert world.evidence.undo.fields == {"env": variables_of([KEY], [KEY["name"]])}
    assert result.images.broken is not None
    assert any("LANGFLOW_API_KEY" in line for line in result.images.broken.changes)


def test_an_interrupted_run_puts_the_containers_fields_back() -> None:
    world = World(scenario=scenario_of("bad-answers", changes=ENV))
    world.stop_after(18)
    world.run()
    assert world.workload.container == {"env": [KEY]}
    assert world.problems_left() == []


def test_a_change_of_the_workload_that_changes_nothing_is_refused_before_anything_is_broken() -> None:
    same = {"workload": {"env": {"set": {"LANGFLOW_API_KEY": "right"}}}}
    world = World(scenario=scenario_of("bad-answers", changes=same))
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert isinstance(outcome.error, PlanError)
    assert "LANGFLOW_API_KEY already has that value" in outcome.error.problem
    assert world.workload.patches == []


def test_a_container_that_somebody_changes_during_the_baseline_is_not_broken() -> None:
    world = World(scenario=scenario_of("bad-answers", changes=ENV))
    world.time.after(5, lambda: world.workload.container.update(env=[KEY, {"name": "NEW", "value": "1"}]))
    outcome = world.run()
    assert isinstance(outcome.error, DrillRefusedError)
    assert "was changed since preflight" in outcome.error.problem
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_a_config_map_is_left_by_the_rollback_and_put_back_by_the_restore() -> None:
    cut = {"workload": {"config_map": {"flow": [{"remove_edges": {"into": {"place": "output"}}}]}}}
    world = World(
        scenario=scenario_of("bad-answers", changes=cut, rollback_helps=False),
        drill=drill_of(rollback={"limit": "10s"}, hold="3s"),
    )
    world.workload.config = {"greeting.json": GREETING}
    world.bites = False
    world.fails = lambda: world.workload.config["greeting.json"] != GREETING
    result = carried_out(world)
    assert result.verdict is Verdict.FAIL
    assert checks(result)["rollback_helped"] is Status.FAIL
    assert result.reasons[0].startswith("rollback_helped")
    assert world.workload.config == {"greeting.json": GREETING}
    assert len(world.workload.deleted) == 2, "pods read a ConfigMap when they start"
    assert [ready for _, ready in world.workload.deleted] == [1, 1], "one after the other: users keep what is served"
    assert world.evidence.undo is not None
    assert "kubectl -n demo patch configmap/flows" in world.evidence.undo.by_hand()


@pytest.mark.parametrize("symptom", ["bad-answers", "stalled-rollout"])
def test_a_rollback_that_helps_where_it_was_not_to_help_is_another_failure(symptom: str) -> None:
    result = carried_out(World(scenario=scenario_of(symptom, rollback_helps=False)))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert checks(result)["rollback_helped"] is Status.UNKNOWN
