"""A drill whose load is sent from the cluster: it is asked about before, and nobody is left under load."""

from __future__ import annotations

import pytest

from flowdrill.errors import ClusterAwayError, ClusterError, ForbiddenError
from flowdrill.model.events import End
from flowdrill.model.status import Status
from tests.fakes.fake_load_jobs import FakeLoadJobs
from tests.fakes.world import World, drill_of

INSIDE = {"workers": 3, "in_cluster": {"image": "registry.test/flowdrill:0.1"}}
LOAD = {"url": "http://app", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20, **INSIDE}
DRILL = drill_of(load=LOAD)


def loaded() -> tuple[World, FakeLoadJobs]:
    world, jobs = World(drill=DRILL), FakeLoadJobs()
    world.load_jobs = jobs
    return world, jobs


def test_it_is_looked_at_before_and_removed_before_the_lease_is_given_back() -> None:
    world, jobs = loaded()
    unlock = world.workload.unlock

    def unlocked(run_id: str) -> None:
        jobs.asked.append("unlock")
        unlock(run_id)

    world.workload.unlock = unlocked  # type: ignore[method-assign]
    assert world.run().end is End.COMPLETED
    assert jobs.asked == ["remove", "remove", "unlock"]
    assert world.check("load_jobs_permitted").status is Status.PASS
    assert world.evidence.undo is not None
    assert world.evidence.undo.load_job == "flowdrill-load-deployment-app"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClusterError("this cluster has no Jobs", "leave it out"), Status.FAIL),
        (ClusterError("exceeded quota", "make room"), Status.FAIL),
        (ClusterAwayError("no answer", "wait"), Status.UNKNOWN),
    ],
)
def test_jobs_that_the_cluster_would_not_have_refuse_the_drill(error: ClusterError, status: Status) -> None:
    world, jobs = loaded()
    jobs.refuses = error
    outcome = world.run()
    check = world.check("load_jobs_permitted")
    assert (check.status, check.observed) == (status, error.problem)
    assert (outcome.end is End.REFUSED) == (status is Status.FAIL)


@pytest.mark.parametrize("image", ["registry.test/flows/greeting:9.9.9", "not an image"])
def test_an_image_that_no_node_could_pull_refuses_the_drill(image: str) -> None:
    world, jobs = loaded()
    jobs.image = lambda: image  # type: ignore[method-assign]
    assert world.run().end is End.REFUSED
    assert world.check("load_image_pullable").status is Status.FAIL
    assert world.workload.patches == []


def test_what_cannot_be_taken_away_is_told_with_the_command_that_does() -> None:
    world, jobs = loaded()
    jobs.looks_until_gone = 100_000
    world.run()
    assert "kubectl -n demo delete job flowdrill-load-deployment-app" in world.check("nothing_left_behind").observed
    world, jobs = loaded()
    world.at_the_break = lambda: setattr(jobs, "refuses", ForbiddenError("must not delete jobs", "grant it"))
    world.run()
    assert world.check("nothing_left_behind").observed == "the load's Jobs: must not delete jobs"


def test_a_drill_whose_load_is_sent_from_here_asks_about_no_jobs() -> None:
    world = World()
    assert world.run().end is End.COMPLETED
    assert world.evidence.undo is not None
    assert world.evidence.undo.load_job is None
