"""A release that comes with a failing model provider: no rollback helps, and the drill puts the provider back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import ClusterError, NotRestoredError, PlanError, TakenOverError
from flowdrill.model.drill import Drill
from flowdrill.model.events import End, EvidenceTaken, Noted
from flowdrill.model.result import Verdict
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from tests.fakes.fake_provider import LABEL
from tests.fakes.world import SCENARIO, STABLE, World, drill_of

PLAN: dict[str, Any] = {"provider": {"workload": LABEL}, "rollback": {"limit": "20s"}, "hold": "5s"}
DOWN = Scenario.model_validate_json(
    json.dumps(
        {
            "scenario": "provider-down",
            "story": "s",
            "changes": {"provider": {"mode": "500"}},
            "symptom": "bad-answers",
            "seen_by_users": "500",
            "rollback_helps": False,
        }
    )
)


def world_with_a_provider(scenario: Scenario = DOWN, drill: Drill | None = None) -> World:
    world = World(drill=drill or drill_of(**PLAN), scenario=scenario)
    world.bites = scenario is not DOWN
    return world


def test_the_drill_finds_that_a_rollback_does_not_help_and_puts_the_provider_back() -> None:
    world = world_with_a_provider()
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    result = report_of(world.record()).result
    failed = {check.name for check in result.checks if check.status is Status.FAIL}
    assert result.verdict is Verdict.FAIL
    assert failed == {"recovery_held", "rollback_helped"}
    assert world.provider is not None
    assert world.provider.modes == ["ok", "500", "ok"], "the rollback leaves the provider alone"
    assert world.check("provider_restored").status is Status.PASS
    assert world.check("ends_on_stable_digest").status is Status.PASS
    assert world.problems_left() == []


def test_the_undo_tells_the_providers_mode_before_it_is_changed() -> None:
    world = world_with_a_provider()
    world.stop_after(10)
    world.run()
    assert world.evidence.undo is not None
    by_hand = world.evidence.undo.by_hand()
    assert f"kubectl -n demo patch {LABEL} -p " in by_hand
    assert '{"name": "PROVIDER_MODE", "value": "ok"}' in by_hand
    assert "rollout restart" not in by_hand, "a changed template restarts its own pods"
    assert world.provider is not None
    assert world.provider.modes == ["ok"]


@pytest.mark.parametrize("seconds", [16, 17, 18, 20, 25, 30])
def test_a_signal_at_any_instant_puts_the_provider_back(seconds: float) -> None:
    world = world_with_a_provider()
    world.stop_after(seconds)
    assert world.run().end is End.INTERRUPTED
    assert world.problems_left() == []


def test_an_api_server_that_is_away_when_the_restore_begins_is_waited_for() -> None:
    world = world_with_a_provider()
    world.time.after(19, lambda: world.workload.go_away(60))
    world.stop_after(19)
    world.run()
    assert world.problems_left() == []
    assert world.check("provider_restored").status is Status.PASS


def test_a_provider_that_does_not_come_back_keeps_the_undo_and_says_what_to_do() -> None:
    world = world_with_a_provider()
    assert world.provider is not None
    world.provider.settles = False
    outcome = world.run()
    assert isinstance(outcome.error, NotRestoredError)
    assert f"{LABEL} is NOT restored: {LABEL}: 0 of 1 replicas ready" in outcome.error.problem
    assert f"patch {LABEL}" in outcome.error.remedy
    assert world.check("provider_restored").status is Status.FAIL
    assert world.workload.undo is not None


def test_the_provider_is_put_back_even_where_somebody_else_has_deployed_meanwhile() -> None:
    world = world_with_a_provider()
    world.time.after(20, lambda: world.workload.set_image(f"{STABLE.partition('@')[0]}@sha256:{'d' * 64}", "hotfix"))
    assert isinstance(world.run().error, TakenOverError)
    assert world.provider is not None
    assert world.provider.modes[-1] == "ok"
    assert world.check("provider_restored").status is Status.PASS
    assert world.workload.undo is None


def test_a_scenario_that_needs_a_provider_is_refused_where_the_drill_names_none() -> None:
    world = world_with_a_provider(drill=drill_of())
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert isinstance(outcome.error, PlanError)
    assert "changes the model provider, and the drill names none" in outcome.error.problem
    assert world.workload.patches == []


def test_a_provider_in_that_mode_already_is_refused() -> None:
    world = world_with_a_provider()
    assert world.provider is not None
    world.provider.modes = ["500"]
    outcome = world.run()
    assert isinstance(outcome.error, PlanError)
    assert "its mode is 500 already" in outcome.error.problem


def test_what_the_outage_costs_in_tokens_is_counted_against_the_baseline() -> None:
    world = world_with_a_provider(SCENARIO)
    world.calls_when_broken = 50
    assert world.run().end is End.COMPLETED
    tokens = report_of(world.record()).result.tokens
    assert tokens is not None
    assert tokens.baseline is not None
    assert tokens.baseline.provider_requests == tokens.baseline.user_requests
    assert tokens.baseline.tokens_per_user_request == 6
    assert tokens.outage is not None
    assert tokens.cost_ratio is not None
    assert 1 < tokens.cost_ratio < 50, "the stable replicas serve a part of the outage"
    assert tokens.outage.provider_requests > tokens.outage.user_requests
    taken = [event.path for event in world.all_of(EvidenceTaken)]
    assert {"evidence/provider-baseline.jsonl", "evidence/provider-outage.jsonl"} <= set(taken)


def test_pods_whose_log_could_not_be_read_are_named_beside_the_tokens_of_the_others() -> None:
    world = world_with_a_provider(SCENARIO)
    assert world.provider is not None
    world.provider.unread = ("provider-1 (is terminated)",)
    assert world.run().end is End.COMPLETED
    result = report_of(world.record()).result
    assert result.tokens is not None
    assert [note for note in result.notes if note.endswith("so do the tokens: provider-1 (is terminated)")]


def test_a_log_that_cannot_be_read_stops_nothing_and_counts_nothing() -> None:
    world = world_with_a_provider()
    assert world.provider is not None
    world.provider.log_problem = ClusterError("pods/log is forbidden", "grant it")
    assert world.run().end is End.COMPLETED
    assert any("the provider's log could not be taken: pods/log is forbidden" in n.text for n in world.all_of(Noted))
    assert report_of(world.record()).result.tokens is None
