"""A drill with a guard in the cluster: it is asked about before, and taken away last."""

from __future__ import annotations

import pytest

from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.edges.guard.with_job import GuardWithJob
from flowdrill.errors import ClusterAwayError, ClusterError, ForbiddenError, GuardError
from flowdrill.model.events import End
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo
from tests.fakes.fake_guard import FakeGuard
from tests.fakes.fake_guard_job import FakeGuardJob
from tests.fakes.fake_time import FakeTime
from tests.fakes.world import SCENARIO, World, drill_of

DRILL = drill_of(guard={"in_cluster": {"image": "registry.test/flowdrill:0.1"}})
ACCOUNT = "system:serviceaccount:demo:flowdrill-guard"


def guarded() -> tuple[World, FakeGuardJob]:
    world, job = World(drill=DRILL), FakeGuardJob()
    world.guard_job = job
    world.guard = GuardWithJob(FakeGuard(world.time), job)
    return world, job


def test_the_job_is_there_before_the_break_and_gone_before_the_lease_is_given_back() -> None:
    world, job = guarded()
    world.at_the_break = lambda: job.asked.append("break")
    unlock = world.workload.unlock

    def unlocked(run_id: str) -> None:
        job.asked.append("unlock")
        unlock(run_id)

    world.workload.unlock = unlocked  # type: ignore[method-assign]
    assert world.run().end is End.COMPLETED
    assert job.asked == ["create", "break", "remove", "remove", "unlock"]
    assert world.check("guard_job_permitted").status is Status.PASS
    assert world.evidence.undo is not None
    assert world.evidence.undo.guard_job == "flowdrill-guard-deployment-app"


def test_a_drill_that_names_none_asks_about_none() -> None:
    world, job = World(), FakeGuardJob()
    world.guard_job = job
    world.run()
    assert job.asked == []


@pytest.mark.parametrize("need", guard_needs(DRILL, SCENARIO), ids=lambda n: f"{n.question.verb} {n.question.resource}")
def test_each_verb_that_its_service_account_lacks_refuses_the_drill(need: object) -> None:
    world, job = guarded()
    question = need.question  # type: ignore[attr-defined]
    world.workload.denied = {(ACCOUNT, question.verb, question.full_resource)}
    assert world.run().end is End.REFUSED
    check = world.check("guard_job_permitted")
    assert check.status is Status.FAIL
    assert check.observed == f"flowdrill-guard must not {question.verb} {question.full_resource}"
    assert "rbac --for guard" in check.detail
    assert job.asked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClusterError("this cluster has no Jobs", "leave it out"), Status.FAIL),
        (ClusterAwayError("no answer", "wait"), Status.UNKNOWN),
    ],
)
def test_a_job_that_the_cluster_would_not_have_refuses_the_drill(error: ClusterError, status: Status) -> None:
    world, job = guarded()
    job.refuses = error
    outcome = world.run()
    assert (world.check("guard_job_permitted").status, world.check("guard_job_permitted").observed) == (
        status,
        error.problem,
    )
    assert (outcome.end is End.REFUSED) == (status is Status.FAIL)
    assert world.problems_left() == []


def test_a_job_that_is_refused_in_the_end_ends_the_drill_before_anything_is_broken() -> None:
    world, job = guarded()
    create = job.create

    def refused(undo: Undo) -> None:
        create(undo)
        raise ClusterError("quota exceeded", "make room")

    job.create = refused  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.error is not None
    assert outcome.error.problem == "quota exceeded"
    assert world.workload.patches == []
    assert job.there is None
    assert world.problems_left() == []


def test_a_job_that_cannot_be_taken_away_is_told() -> None:
    world, job = guarded()
    world.at_the_break = lambda: setattr(job, "refuses", ForbiddenError("must not delete jobs", "grant it"))
    world.run()
    check = world.check("nothing_left_behind")
    assert (check.status, check.observed) == (Status.FAIL, "the guard's Job: must not delete jobs")


def test_a_job_that_stays_is_told_with_the_command_that_deletes_it() -> None:
    world, job = guarded()
    job.looks_until_gone = 100_000
    world.run()
    assert "kubectl -n demo delete job flowdrill-guard-deployment-app" in world.check("nothing_left_behind").observed


def test_what_the_run_cannot_put_back_is_left_to_the_job_too() -> None:
    world, job = guarded()
    world.at_the_break = lambda: world.time.after(1, lambda: world.workload.go_away(10_000))
    world.run()
    assert job.there == "run-1", "it goes on when the Lease has run out"


def test_both_guards_must_be_ready() -> None:
    undo = Undo("run-1", "deployment/app", "demo", "flow", "img:1", None, host="me", guard_job="guard")
    local, job = FakeGuard(FakeTime()), FakeGuardJob()
    guard = GuardWithJob(local, job, ready_seconds=30)
    guard.begin(undo, lambda _: None)
    guard.keep_lease(undo)
    job.looks_until_ready = 2
    guard.await_ready()
    assert [one for one in local.asked if one in ("begin", "ready")] == ["begin", "ready"]
    job.looks_until_ready = 5
    with pytest.raises(GuardError, match="did not get ready within 0 s: 4 looks more"):
        GuardWithJob(local, job, ready_seconds=0).await_ready()
    local.is_there = False
    assert guard.leave_to_it() == "job/guard in the cluster, once the Lease has run out"
