"""However the way back is taken: what it needs is looked at before, what came of it after, and all ends as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flowdrill.analysis.access_needs import on_call_needs
from flowdrill.analysis.report_data import report_of
from flowdrill.engine.rolling_back import BY_COMMAND
from flowdrill.errors import PlanError
from flowdrill.model.events import End, ImageSet, Purpose
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.result import Result, Verdict
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadKind
from flowdrill.report.markdown import render_markdown
from tests.fakes.world import STABLE, TAGGED, World, drill_of

CHANGES_ENV = Scenario.model_validate_json(
    json.dumps(
        {
            "scenario": "wrong-key",
            "story": "s",
            "changes": {"workload": {"env": {"set": {"LANGFLOW_API_KEY": "wrong"}}}},
            "symptom": "bad-answers",
            "seen_by_users": "403",
        }
    )
)


def undoing(**world: Any) -> World:
    return World(drill=drill_of(rollback={"strategy": "undo", "as": "on-call", "limit": "30s"}), **world)


def result_of(world: World) -> Result:
    return report_of(world.record()).result


def rolled_back(world: World) -> ImageSet:
    (found,) = (event for event in world.all_of(ImageSet) if event.purpose is Purpose.ROLL_BACK)
    return found


@dataclass
class Scripted:
    """A command of the team's: does `act` after `acts_after` seconds, and is over after `ends_after` with `refused`."""

    world: World
    acts_after: float = 1.0
    ends_after: float = 2.0
    refused: str | None = None
    act: Callable[[RollbackRequest], None] | None = None
    stopped: int = 0
    is_over: bool = False

    def found(self) -> str:
        return "/bin/rollback"

    def begin(self, request: RollbackRequest) -> Scripted:
        self.begun_ns = self.world.time.now_ns()
        act = self.act or (lambda asked: self.world.workload.set_image(asked.image, "by hand", fields=asked.fields))
        self.world.time.after(self.acts_after, lambda: act(request))
        self.world.time.after(self.ends_after, self._end)
        return self

    def _end(self) -> None:
        self.is_over = True

    def taken(self) -> RollbackTaken | None:
        if not (self.is_over or self.stopped):
            return None
        refused = self.refused if self.is_over else "it had not ended, and was ended"
        files = (("rollback-command.txt", "output", "said\n"),)
        return RollbackTaken("command ./back.sh", self.begun_ns, refused=refused, files=files, may_have_changed=True)

    def stop(self) -> None:
        self.stopped += 1


def commanding(scenario: Scenario | None = None, **script: Any) -> tuple[World, Scripted]:
    drill = drill_of(rollback={"command": ["./back.sh"], "as": "on-call", "limit": "20s"}, hold="3s")
    world = World(drill=drill, **({} if scenario is None else {"scenario": scenario}))
    world.rollback = world.program = scripted = Scripted(world, **script)
    return world, scripted


@pytest.mark.parametrize("kind", list(WorkloadKind))
@pytest.mark.parametrize("image", [STABLE, TAGGED])
def test_an_undo_goes_back_to_the_revision_as_the_responder(kind: WorkloadKind, image: str) -> None:
    world = undoing(kind=kind, image=image)
    assert world.run().end is End.COMPLETED
    ((revision, who),) = world.workload.undone
    assert who == "on-call"
    for name in ("undo_revision", "rollback_permitted", "rollback_accepted", "template_as_before"):
        assert world.check(name).status is Status.PASS, world.check(name)
    event = rolled_back(world)
    assert (event.image, event.how, event.identity) == (image, f"rollout undo to {revision}", "on-call")
    result = result_of(world)
    assert result.verdict is Verdict.PASS
    assert result.rollback is not None
    assert (result.rollback.strategy, result.rollback.by) == ("undo", "on-call")
    assert f"(rollout undo to {revision}), by on-call." in render_markdown(report_of(world.record()))
    assert world.problems_left() == []


def test_an_undo_brings_back_what_the_release_changed_beside_the_image() -> None:
    world = undoing(scenario=CHANGES_ENV)
    world.run()
    assert world.check("template_as_before").status is Status.PASS
    assert world.workload.container["env"] == [{"name": "LANGFLOW_API_KEY", "value": "right"}]


def test_a_revision_that_is_pruned_meanwhile_is_a_refusal_and_all_is_restored() -> None:
    world = undoing()
    world.workload.revision_limit = 0
    world.run()
    check = world.check("rollback_accepted")
    assert (check.status, "is no longer kept" in check.observed) == (Status.FAIL, True)
    assert result_of(world).verdict is Verdict.FAIL
    assert result_of(world).rollback is None
    assert world.problems_left() == []


def test_without_a_revision_of_the_stable_template_an_undo_is_refused_before_anything_is_touched() -> None:
    world = undoing()
    world.workload.revisions.clear()
    assert world.run().end is End.REFUSED
    assert world.check("undo_revision").status is Status.FAIL
    assert "rollout history deployment/app" in world.check("undo_revision").detail
    assert world.workload.patches == []


def test_an_undo_that_the_responder_must_not_do_is_found_before() -> None:
    world = undoing()
    world.workload.denied = {("on-call", "get", "replicasets.apps")}
    assert world.run().end is End.REFUSED
    check = world.check("responder_may_roll_back")
    assert check.observed.startswith("on-call must not get replicasets.apps")


def test_each_strategy_declares_what_it_needs() -> None:
    target = drill_of().target
    needs = {way: {(n.question.verb, n.question.resource) for n in on_call_needs(target, way)} for way in Strategy}
    reading = {("get", "deployments"), ("list", "deployments"), ("watch", "deployments"), ("list", "replicasets")}
    assert needs[Strategy.COMMAND] == {*reading, ("list", "pods")}
    assert needs[Strategy.SET_IMAGE] == {*needs[Strategy.COMMAND], ("patch", "deployments")}
    assert needs[Strategy.UNDO] == {*needs[Strategy.SET_IMAGE], ("get", "replicasets")}


def test_a_template_that_changes_between_preflight_and_break_is_not_broken() -> None:
    world = undoing()
    world.time.after(5, lambda: world.workload.container.update(env=[{"name": "NEW", "value": "1"}]))
    assert world.run().end is End.FAILED
    assert world.workload.image == STABLE
    assert [patch for patch in world.workload.patches if patch[0] != STABLE] == []


def test_a_commands_rollback_is_when_the_watch_showed_it() -> None:
    world, command = commanding(acts_after=1.5, ends_after=4.0)
    assert world.run().end is End.COMPLETED
    event = rolled_back(world)
    assert ns_to_seconds(event.instant.latest_ns - command.begun_ns) == pytest.approx(1.5, abs=0.1)
    assert event.instant.earliest_ns >= command.begun_ns
    assert (event.strategy, event.how, event.identity) == ("command", "command ./back.sh", BY_COMMAND)
    assert result_of(world).verdict is Verdict.PASS
    assert world.evidence.files["rollback-command.txt"] == "said\n"
    assert world.check("rollback_command").observed == "/bin/rollback"
    assert command.stopped == 1, "what it has left behind is ended"
    assert world.problems_left() == []


def test_a_pipeline_that_changes_the_workload_after_its_trigger_has_ended_is_waited_for() -> None:
    world, command = commanding(acts_after=9.0, ends_after=0.2)
    world.run()
    assert ns_to_seconds(rolled_back(world).instant.latest_ns - command.begun_ns) == pytest.approx(9, abs=0.1)
    assert world.check("rollback_accepted").status is Status.PASS


def test_a_command_that_changes_nothing_is_a_failed_rollback() -> None:
    world, _ = commanding(act=lambda _: None)
    world.run()
    check = world.check("rollback_accepted")
    assert (check.status, check.observed) == (Status.FAIL, "the workload was not changed by it")
    assert result_of(world).verdict is Verdict.FAIL
    assert world.problems_left() == []


@pytest.mark.parametrize(("acts_after", "measured"), [(1.0, True), (60.0, False)])
def test_a_command_that_fails_is_a_finding_and_what_it_changed_is_measured(acts_after: float, measured: bool) -> None:
    world, _ = commanding(acts_after=acts_after, refused="command ./back.sh ended with exit code 1: no")
    world.run()
    check = world.check("rollback_accepted")
    assert (check.status, check.observed) == (Status.FAIL, "command ./back.sh ended with exit code 1: no")
    assert (result_of(world).rollback is not None) is measured
    assert (result_of(world).measures.time_to_recover is not None) is measured
    assert world.problems_left() == []


def test_a_command_that_hangs_is_ended_at_the_limit() -> None:
    world, command = commanding(acts_after=600, ends_after=600)
    world.run()
    assert command.stopped == 1
    assert world.check("rollback_accepted").observed == "it had not ended, and was ended"
    assert "rollback-command.txt" in world.evidence.files
    assert world.problems_left() == []


def test_an_interrupt_ends_a_hung_command_and_restores() -> None:
    world, command = commanding(acts_after=600, ends_after=600)
    world.stop_after(20)
    outcome = world.run()
    assert (outcome.end, outcome.stop_signal) == (End.INTERRUPTED, "SIGINT")
    assert command.stopped == 1
    assert "rollback-command.txt" in world.evidence.files
    assert world.problems_left() == []


def test_a_program_that_is_not_there_is_found_in_preflight() -> None:
    world, command = commanding()

    class Missing:
        def found(self) -> str:
            raise PlanError("rollback.command: /x/back.sh: no such file", "name a program")

    world.program = Missing()
    assert world.run().end is End.REFUSED
    check = world.check("rollback_command")
    assert (check.status, check.detail) == (Status.FAIL, "name a program")
    assert command.stopped == 0


def test_a_rollback_that_leaves_a_setting_behind_fails_and_the_restore_puts_it_back() -> None:
    world, command = commanding(CHANGES_ENV)
    command.act = lambda request: world.workload.set_image(request.image, None)
    world.run()
    check = world.check("template_as_before")
    assert check.status is Status.FAIL
    assert check.observed.startswith("env LANGFLOW_API_KEY: [redacted] -> another value")
    assert world.workload.container["env"] == [{"name": "LANGFLOW_API_KEY", "value": "right"}]
    assert world.problems_left() == []
