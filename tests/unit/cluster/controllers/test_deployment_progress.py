"""How a Deployment tells that it gets on, that it does not, and that it is not meant to; and being scaled meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import DEPLOYMENTS, EVENTS, REPLICA_SETS, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.deployments import DeploymentController
from tests.unit.cluster.controllers.driven import named
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, workload_spec

STEADY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
TIMED_OUT = ("False", "ProgressDeadlineExceeded")
DONE = ("True", "NewReplicaSetAvailable")


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def deployed(world: WorkloadWorld, replicas: int = 2, **spec: Any) -> None:
    world.create(DEPLOYMENTS, replicas=replicas, **{"strategy": STEADY, "progressDeadlineSeconds": 60, **spec})
    world.all_ready()


def stalled(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "broken")
    later(world, 60)


def later(world: WorkloadWorld, seconds: float) -> None:
    world.clock.pass_seconds(seconds)
    world.driven.look_again()


def test_a_rollout_that_stalls_has_timed_out_at_its_deadline_not_before(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "broken")
    assert world.driven.due_in() == 60
    later(world, 59)
    assert world.condition("Progressing") == ("True", "ReplicaSetUpdated")
    assert world.driven.due_in() == 1
    later(world, 1)
    assert world.condition("Progressing") == TIMED_OUT
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert world.sizes() == {"one": 2, "broken": 1}
    assert world.driven.due_in() is None


def test_every_pod_that_becomes_ready_gives_the_rollout_its_whole_deadline_again(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "two")
    later(world, 50)
    world.set_ready(world.pods("two")[0])
    later(world, 50)
    assert world.condition("Progressing") == ("True", "ReplicaSetUpdated")
    later(world, 10)
    assert world.condition("Progressing") == TIMED_OUT


def test_a_rollout_that_has_timed_out_goes_on_and_recovers(world: WorkloadWorld) -> None:
    stalled(world)
    world.set_ready(world.pods("broken")[0])
    assert world.condition("Progressing") == ("True", "ReplicaSetUpdated")
    world.all_ready()
    assert world.condition("Progressing") == DONE


def test_going_back_recovers_from_a_deadline_that_was_missed(world: WorkloadWorld) -> None:
    stalled(world)
    world.roll(DEPLOYMENTS, "one")
    assert world.condition("Progressing") == DONE
    assert world.sizes() == {"one": 2, "broken": 0}


def test_pods_that_fail_after_the_rollout_are_no_missed_deadline(world: WorkloadWorld) -> None:
    deployed(world)
    for pod in world.pods():
        world.set_ready(pod, ready=False)
    later(world, 1000)
    assert world.condition("Progressing") == DONE
    assert world.condition("Available") == ("False", "MinimumReplicasUnavailable")


def test_the_largest_number_of_seconds_means_no_deadline(world: WorkloadWorld) -> None:
    deployed(world, progressDeadlineSeconds=2**31 - 1)
    world.roll(DEPLOYMENTS, "broken")
    later(world, 10**6)
    assert world.condition("Progressing") is None
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_a_paused_deployment_keeps_its_template_and_its_time(world: WorkloadWorld) -> None:
    deployed(world)
    world.edit(DEPLOYMENTS, paused=True)
    assert world.condition("Progressing") == ("Unknown", "DeploymentPaused")
    world.roll(DEPLOYMENTS, "two")
    later(world, 1000)
    assert world.sizes() == {"one": 2}
    assert world.status(DEPLOYMENTS)["observedGeneration"] == world.read(DEPLOYMENTS)["metadata"]["generation"]
    assert world.condition("Progressing") == ("Unknown", "DeploymentPaused")
    world.edit(DEPLOYMENTS, paused=False)
    world.all_ready()
    assert world.sizes() == {"one": 0, "two": 2}
    assert world.condition("Progressing") == DONE


def test_a_rollout_that_is_resumed_has_its_whole_deadline(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "broken")
    world.edit(DEPLOYMENTS, paused=True)
    later(world, 1000)
    world.edit(DEPLOYMENTS, paused=False)
    assert world.condition("Progressing") == ("Unknown", "DeploymentResumed")
    later(world, 59)
    assert world.condition("Progressing") == ("Unknown", "DeploymentResumed")
    later(world, 1)
    assert world.condition("Progressing") == TIMED_OUT


def test_pausing_does_not_hide_that_the_deadline_was_missed(world: WorkloadWorld) -> None:
    stalled(world)
    world.edit(DEPLOYMENTS, paused=True)
    assert world.condition("Progressing") == TIMED_OUT


def test_a_paused_deployment_is_scaled_nevertheless(world: WorkloadWorld) -> None:
    deployed(world)
    world.edit(DEPLOYMENTS, paused=True)
    world.roll(DEPLOYMENTS, "two")
    for replicas in (3, 0, 1):
        world.edit(DEPLOYMENTS, replicas=replicas)
        assert world.sizes() == {"one": replicas}


def test_a_paused_deployment_is_pruned_whether_or_not_it_is_complete(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "two")
    world.all_ready()
    world.set_ready(world.pods()[0], ready=False)
    world.edit(DEPLOYMENTS, paused=True, revisionHistoryLimit=0)
    assert set(world.sizes()) == {"two"}


def test_scaling_in_the_midst_of_a_rollout_is_shared_out(world: WorkloadWorld) -> None:
    deployed(world, 8, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 4, "maxUnavailable": 0}})
    world.roll(DEPLOYMENTS, "two")
    assert world.sizes() == {"one": 8, "two": 4}
    world.edit(DEPLOYMENTS, replicas=16)
    assert world.sizes() == {"one": 13, "two": 7}
    world.all_ready()
    assert world.sizes() == {"one": 0, "two": 16}


def test_a_deployment_scaled_to_nothing_and_back_keeps_only_its_template(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "two")
    world.edit(DEPLOYMENTS, replicas=0)
    assert world.sizes() == {"one": 0, "two": 0}
    assert world.status(DEPLOYMENTS).get("replicas", 0) == 0
    world.edit(DEPLOYMENTS, replicas=2)
    world.all_ready()
    assert world.sizes() == {"one": 0, "two": 2}


def test_a_replica_set_that_cannot_be_made_is_reported(world: WorkloadWorld) -> None:
    name = "x" * 250  # its ReplicaSets would have longer names than there may be
    world.objects.create(DEPLOYMENTS, named(DEPLOYMENTS, name, spec=workload_spec("one")))
    with pytest.raises(StatusError, match="is invalid"):
        DeploymentController(world.objects).sync(("shop", name))
    (condition,) = world.status(DEPLOYMENTS, name)["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "ReplicaSetCreateError")
    assert len(world.events("ReplicaSetCreateError")) == 1


def test_a_taken_name_is_counted_and_another_one_found(world: WorkloadWorld) -> None:
    deployed(world)
    (first,) = world.replica_sets().values()
    world.remove(DEPLOYMENTS, "web")
    taken: Json = {**first, "metadata": {**first["metadata"], "ownerReferences": [], "labels": {"app": "other"}}}
    world.objects.change(REPLICA_SETS, "shop", first["metadata"]["name"], lambda one: one.update(taken))
    deployed(world)
    assert world.status(DEPLOYMENTS)["collisionCount"] == 1
    assert len(world.objects.select(REPLICA_SETS, "shop")) == 2
    assert world.condition("Progressing") == DONE


def test_nothing_is_written_while_nothing_changes(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(DEPLOYMENTS, "broken")
    before = world.objects.store.revision
    DeploymentController(world.objects).sync(("shop", "web"))
    later(world, 10)
    assert world.objects.store.revision == before
    assert world.objects.select(EVENTS, "shop")
