"""The plan's requests and the permissions that flowdrill asks for are one list, seen from two sides."""

from __future__ import annotations

import pytest

from flowdrill.analysis.access_needs import Need, harness_needs, on_call_needs
from flowdrill.analysis.drill_steps import steps_of, stops_of, undone_of
from flowdrill.analysis.planned_writes import HARNESS, Scope, shown_command
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import PlannedWrite, System
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.scenario import Scenario
from tests.fakes.world import SCENARIO, drill_of

_WRITES = {"create", "update", "patch", "delete"}
STATEFUL = {"namespace": "demo", "workload": "statefulset/app"}
PROVIDER = {"workload": "deployment/model"}
ON_CALL = {"as": "system:serviceaccount:demo:on-call"}
LOAD = {
    "url": "http://app", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20, "workers": 3,
    "in_cluster": {"image": "registry.test/flowdrill:1"},
}  # fmt: skip
CASES = [
    (drill_of(), SCENARIO),
    (drill_of(target=STATEFUL), SCENARIO),
    (drill_of(rollback={**ON_CALL, "strategy": "undo"}), SCENARIO),
    (drill_of(rollback={"command": ["./back.sh"]}), SCENARIO),
    (drill_of(provider=PROVIDER), find_scenario("provider-down").scenario),
    (drill_of(target=STATEFUL), find_scenario("config-map-broken").scenario),
    (drill_of(), find_scenario("config-map-broken").scenario),
    (drill_of(), find_scenario("schema-ahead-of-image").scenario),
    (drill_of(policy={"ledger": {"file": "ledger.jsonl"}}), SCENARIO),
    (drill_of(guard={"in_cluster": {"image": "registry.test/flowdrill:1"}}), SCENARIO),
    (drill_of(load=LOAD), SCENARIO),
    *((drill_of(rollback=ON_CALL, obstacles=[{"kind": kind}]), SCENARIO) for kind in ObstacleKind),
]


def writes_of(drill: Drill, scenario: Scenario) -> list[PlannedWrite]:
    return [write for step in steps_of(Scope(drill, scenario, embedded=False)) for write in step.writes]


def fits(write: PlannedWrite, need: Need) -> bool:
    """Whether a permission lets a request through: one without a name is for all of them."""
    question = need.question
    if (write.verb, write.what) != (question.verb, question.full_resource):
        return False
    return not question.name or not write.name or write.name == question.name


@pytest.mark.parametrize(("drill", "scenario"), CASES)
def test_every_planned_request_is_among_the_permissions_and_every_permission_to_write_is_planned(
    drill: Drill, scenario: Scenario
) -> None:
    writes = [one for one in writes_of(drill, scenario) if one.system is System.KUBERNETES]
    needs = (*harness_needs(drill, scenario), *on_call_needs(drill.target, drill.rollback.way))
    assert [one.permission for one in writes if not any(fits(one, need) for need in needs)] == []
    asked = [one for one in needs if one.question.verb in _WRITES and one.question.group != "authorization.k8s.io"]
    assert [str(one) for one in asked if not any(fits(write, one) for write in writes)] == []


@pytest.mark.parametrize(("drill", "scenario"), CASES)
def test_nothing_is_kept_before_the_undo_is_registered_and_whatever_is_made_is_undone(
    drill: Drill, scenario: Scenario
) -> None:
    steps = steps_of(Scope(drill, scenario, embedded=False))
    titles = [one.title for one in steps]
    assert [one.number for one in steps] == list(range(1, len(steps) + 1))
    assert titles[:2] == ["preflight", "register the undo"]
    assert all(write.dry_run for write in steps[0].writes)
    assert titles.index("baseline") < titles.index("break") < titles.index("roll back") < titles.index("restore")
    assert all(step.undone for step in steps if step.writes and step.title != "preflight")


@pytest.mark.parametrize("drill", [one for one, _ in CASES if one.rollback.way is not Strategy.COMMAND])
def test_the_rollback_alone_bears_the_responders_name(drill: Drill) -> None:
    others = {one.by for one in writes_of(drill, SCENARIO)} - {HARNESS}
    assert others == ({f"{drill.rollback.as_user} (impersonated)"} if drill.rollback.as_user else set())


def test_the_secrets_of_a_command_are_not_shown() -> None:
    assert shown_command(("./back.sh", "--token", "hunter2-and-more", "now")) == "./back.sh --token [redacted] now"


def test_a_game_day_says_when_flowdrill_takes_over() -> None:
    scope = Scope(drill_of(rollback={"by": "human", "take_over_after": "7m"}), SCENARIO, embedded=False)
    told = {one.title: one for one in steps_of(scope)}
    assert "flowdrill takes over 7 min 00 s after the break" in told["roll back"].does
    assert told["roll back"].writes[0].only_if
    assert any("Nobody has rolled back within 7 min 00 s" in one for one in stops_of(scope))
    assert any("guard" in one and "15.00 s" in one for one in undone_of(scope))
