"""A model provider that is not there: the drill starts it before the baseline, and takes it away whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import ClusterError, ForbiddenError, NotRestoredError, RegistryError, TakenOverError
from flowdrill.model.events import Checked, End, ImageSet, Phase, PhaseStarted
from flowdrill.model.images import PreparedImage
from flowdrill.model.result import Verdict
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo
from tests.fakes.fake_provider import LABEL, FakeProvider
from tests.fakes.fake_registry import BROKEN_DIGEST, PROGRAM_DIGEST
from tests.fakes.world import REPOSITORY, SCENARIO, World, drill_of
from tests.unit.engine.test_provider import DOWN, PLAN

IMAGE = f"{REPOSITORY}:drill-provider-{'e' * 12}@{PROGRAM_DIGEST}"


def world_without_a_provider(scenario: Scenario = DOWN) -> World:
    world = World(drill=drill_of(**PLAN), scenario=scenario, stands=False)
    world.bites = scenario is not DOWN
    return world


def provider_of(world: World) -> FakeProvider:
    assert world.provider is not None
    return world.provider


def test_the_drill_starts_it_on_an_image_of_its_own_and_leaves_neither_behind() -> None:
    world = world_without_a_provider()
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    assert provider_of(world).starts == [(IMAGE, "run-1")]
    assert provider_of(world).modes == ["ok", "500"], "what is taken away needs no mode put back"
    result = report_of(world.record()).result
    assert result.verdict is Verdict.FAIL
    assert {check.name for check in result.checks if check.status is Status.FAIL} == {
        "recovery_held",
        "rollback_helped",
    }
    assert world.check("provider_permitted").status is world.check("provider_started").status is Status.PASS
    assert world.check("nothing_left_behind").status is Status.PASS
    assert world.problems_left() == []


def test_the_bill_is_counted_as_with_a_provider_that_stands() -> None:
    world = world_without_a_provider(SCENARIO)
    world.calls_when_broken = 50
    assert world.run().end is End.COMPLETED
    tokens = report_of(world.record()).result.tokens
    assert tokens is not None
    assert tokens.baseline is not None
    assert tokens.baseline.tokens_per_user_request == 6
    assert tokens.outage is not None
    assert world.problems_left() == []


def test_one_that_stands_is_used_as_it_is_and_stays() -> None:
    world = World(drill=drill_of(**PLAN), scenario=DOWN)
    world.bites = False
    world.run()
    assert provider_of(world).starts == []
    assert provider_of(world).there
    assert "provider_started" not in {event.check.name for event in world.all_of(Checked)}


def test_preflight_tries_and_changes_nothing_and_the_undo_comes_before_the_start() -> None:
    world = world_without_a_provider()
    seen: list[tuple[bool, bool, set[Phase]]] = []
    push = world.registry.push

    def look(prepared: PreparedImage) -> None:
        phases = {event.phase for event in world.all_of(PhaseStarted)}
        seen.append((world.workload.undo is not None, world.evidence.undo is not None, phases))
        push(prepared)

    world.registry.push = look  # type: ignore[method-assign]
    world.run()
    assert seen[0] == (True, True, {Phase.PREFLIGHT, Phase.BASELINE})
    assert world.evidence.undo is not None
    assert world.evidence.undo.started == LABEL
    assert "kubectl -n demo delete deployment -l flowdrill.dev/run=run-1" in world.evidence.undo.by_hand()
    assert "PROVIDER_MODE" not in world.evidence.undo.by_hand()


def test_a_start_that_is_forbidden_is_refused_in_preflight_with_nothing_touched() -> None:
    world = world_without_a_provider()
    provider_of(world).start_problem = ForbiddenError("the harness must not create deployments", "give it a Role")
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert isinstance(outcome.error, ForbiddenError)
    assert world.check("provider_permitted").status is Status.FAIL
    assert world.workload.undo is world.evidence.undo is None
    assert world.problems_left() == []


def refuse(world: World) -> None:
    provider_of(world).start_problem = ForbiddenError("a quota refused it", "have it allow this")


def refuse_push(world: World) -> None:
    world.registry.accepts_push = False


def never_settle(world: World) -> None:
    provider_of(world).settles = False


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [
        (refuse, ForbiddenError, "a quota refused it"),
        (refuse_push, RegistryError, "push refused"),
        (never_settle, ClusterError, "not ready after 180 s: deployment/provider: 0 of 1 replicas ready"),
    ],
)
def test_a_start_that_fails_ends_the_drill_with_nothing_left(
    trouble: Callable[[World], None], error: type[Exception], said: str
) -> None:
    world = world_without_a_provider()
    lock = world.workload.lock

    def locked(undo: Undo) -> str:
        trouble(world)
        return lock(undo)

    world.workload.lock = locked  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert isinstance(outcome.error, error)
    assert said in str(outcome.error)
    assert world.check("provider_started").status is Status.FAIL
    assert world.check("nothing_left_behind").status is Status.PASS
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_a_change_of_its_mode_that_is_not_allowed_shows_before_anything_is_broken() -> None:
    world = world_without_a_provider()
    patch = world.workload.patch_beside

    def refused(object_name: str, *more: Any, **how: Any) -> None:
        if object_name == LABEL:
            raise ForbiddenError("the harness must not patch deployments", "give it a Role")
        patch(object_name, *more, **how)

    world.workload.patch_beside = refused  # type: ignore[method-assign]
    outcome = world.run()
    assert isinstance(outcome.error, ForbiddenError)
    assert world.all_of(ImageSet) == []
    assert world.problems_left() == []


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.6, 1, 1.2, 5, 16, 17, 18, 20, 30])
def test_a_signal_at_any_instant_takes_it_away(seconds: float) -> None:
    world = world_without_a_provider()
    world.stop_after(seconds)
    assert world.run().end is End.INTERRUPTED
    assert world.problems_left() == []


def test_an_api_server_that_is_away_at_the_end_is_waited_for() -> None:
    world = world_without_a_provider()
    provider = provider_of(world)

    def go_away() -> None:
        provider.remove_problem = ClusterError("the API server cannot be reached", "see that it runs")

    def come_back() -> None:
        provider.remove_problem = None

    world.stop_after(10)
    world.time.after(10, go_away)
    world.time.after(70, come_back)
    world.run()
    assert world.problems_left() == []


@pytest.mark.parametrize("problem", [ForbiddenError("must not delete it", "a Role"), ClusterError("away", "wait")])
def test_one_that_cannot_be_removed_is_left_behind_with_its_image_and_said(problem: ClusterError) -> None:
    world = world_without_a_provider()
    provider_of(world).remove_problem = problem
    world.run()
    check = world.check("nothing_left_behind")
    assert check.status is Status.FAIL
    assert f"{problem.problem}; `kubectl -n demo delete {LABEL}`" in check.observed
    assert IMAGE in check.observed
    assert PROGRAM_DIGEST in world.registry.digests, "its pods may have to pull it again"
    assert BROKEN_DIGEST not in world.registry.digests
    assert world.workload.undo is None


@pytest.mark.parametrize("scenario", [DOWN, SCENARIO])
@pytest.mark.parametrize("seconds", [17.5, 20, 24])
def test_one_that_somebody_else_deletes_in_mid_drill_makes_it_inconclusive(seconds: float, scenario: Scenario) -> None:
    world = world_without_a_provider(scenario)
    world.time.after(seconds, provider_of(world).go)
    outcome = world.run()
    assert isinstance(outcome.error, TakenOverError)
    assert "somebody else deleted it" in outcome.error.problem
    assert report_of(world.record()).result.verdict is Verdict.INCONCLUSIVE
    assert world.problems_left() == []


def test_one_that_goes_directly_before_the_break_leaves_the_workload_alone() -> None:
    world = world_without_a_provider()
    push = world.registry.push

    def pushed(prepared: PreparedImage) -> None:
        push(prepared)
        if prepared.image.reference.digest == BROKEN_DIGEST:
            provider_of(world).go()

    world.registry.push = pushed  # type: ignore[method-assign]
    assert isinstance(world.run().error, TakenOverError)
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_one_that_somebody_else_makes_since_preflight_is_left_alone() -> None:
    world = world_without_a_provider()
    lock = world.workload.lock

    def locked(undo: Undo) -> str:
        provider_of(world).there = True
        return lock(undo)

    world.workload.lock = locked  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.error is not None
    assert "somebody else has made" in outcome.error.problem
    assert provider_of(world).there
    assert world.problems_left() == []


def test_it_is_taken_away_even_where_the_workload_cannot_be_put_back() -> None:
    world = world_without_a_provider()
    world.at_the_break = lambda: world.workload.forbid.add(None)
    outcome = world.run()
    assert isinstance(outcome.error, NotRestoredError)
    assert not provider_of(world).there
    assert PROGRAM_DIGEST not in world.registry.digests
    assert world.workload.undo is not None
    assert "delete deployment -l" in outcome.error.remedy
