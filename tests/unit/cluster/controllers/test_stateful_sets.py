"""StatefulSets make, replace and give up their pods in order, and wait for a broken one."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.resource_types import PODS, STATEFUL_SETS, Json
from flowdrill.cluster.controllers.stateful_sets import StatefulSetController
from tests.unit.cluster.controllers.driven import named
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, is_ready, workload_spec

PARALLEL = {"podManagementPolicy": "Parallel"}


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def deployed(world: WorkloadWorld, replicas: int = 3, **spec: Any) -> None:
    world.create(STATEFUL_SETS, replicas=replicas, **spec)
    world.all_ready()


def rolled(world: WorkloadWorld, image: str) -> None:
    world.roll(STATEFUL_SETS, image)
    world.all_ready()


def ready(world: WorkloadWorld, name: str, *, ready: bool = True, **status: Any) -> None:
    world.set_ready(world.read(PODS, name), ready=ready, **status)


def held(world: WorkloadWorld, name: str) -> None:
    """Let a pod take its time to go, as a real one's grace does."""
    hold = ["x.org/held"]
    world.objects.change(PODS, "shop", name, lambda one: one["metadata"].update(finalizers=hold))
    world.driven.settle()


def released(world: WorkloadWorld, name: str) -> None:
    world.objects.change(PODS, "shop", name, lambda one: one["metadata"].pop("finalizers"))
    world.driven.settle()


def orphan(world: WorkloadWorld, name: str) -> None:
    spec = workload_spec("one")["template"]["spec"]
    world.objects.create(PODS, named(PODS, name, labels={"app": "web"}, spec=spec))
    world.driven.settle()


def partition(first: int) -> Json:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": first}}}


def test_each_pod_is_made_when_the_one_before_it_is_ready(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=3)
    assert set(world.images()) == {"web-0"}
    ready(world, "web-0")
    assert set(world.images()) == {"web-0", "web-1"}
    ready(world, "web-0", ready=False)
    ready(world, "web-1")
    assert set(world.images()) == {"web-0", "web-1"}
    ready(world, "web-0")
    assert set(world.images()) == {"web-0", "web-1", "web-2"}


def test_a_pod_knows_its_name_its_number_and_its_revision(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=1, serviceName="peers")
    pod = world.read(PODS, "web-0")
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-0", "peers")
    labels = pod["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "web-0"
    assert labels["apps.kubernetes.io/pod-index"] == "0"
    assert labels["controller-revision-hash"] == world.status(STATEFUL_SETS)["updateRevision"]


def test_parallel_pods_do_not_wait_for_each_other(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=3, **PARALLEL)
    assert len(world.pods()) == 3
    world.edit(STATEFUL_SETS, replicas=0)
    assert world.pods() == []


def test_one_look_at_a_parallel_set_of_billions_ends(world: WorkloadWorld) -> None:
    spec = workload_spec("one") | PARALLEL | {"replicas": 2**31 - 1}
    world.objects.create(STATEFUL_SETS, named(STATEFUL_SETS, "web", spec=spec))
    StatefulSetController(world.objects).sync(("shop", "web"))
    assert len(world.pods()) == 100


def test_a_set_with_very_many_waiting_pods_can_be_made_smaller(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=1100, **PARALLEL)
    assert len(world.pods()) == 1000
    world.edit(STATEFUL_SETS, replicas=999)
    assert len(world.pods()) == 999


def test_all_of_many_parallel_pods_come(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=130, **PARALLEL)
    assert len(world.pods()) == 130


def test_a_rollout_replaces_pods_from_the_highest_number_down_one_at_a_time(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(STATEFUL_SETS, "two")
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "two"}
    ready(world, "web-2")
    assert world.images() == {"web-0": "one", "web-1": "two", "web-2": "two"}
    status = world.status(STATEFUL_SETS)
    assert (status["currentReplicas"], status["updatedReplicas"], status["readyReplicas"]) == (1, 2, 2)
    assert status["currentRevision"] != status["updateRevision"]
    world.all_ready()
    status = world.status(STATEFUL_SETS)
    assert status["currentRevision"] == status["updateRevision"]
    assert (status["currentReplicas"], status["updatedReplicas"], status["availableReplicas"]) == (3, 3, 3)


def test_a_pod_that_is_going_is_waited_for(world: WorkloadWorld) -> None:
    deployed(world)
    held(world, "web-2")
    world.roll(STATEFUL_SETS, "two")
    assert set(world.images()) == {"web-0", "web-1"}
    assert world.status(STATEFUL_SETS)["replicas"] == 3
    released(world, "web-2")
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "two"}


def test_a_broken_pod_is_waited_for_even_when_the_template_is_mended(world: WorkloadWorld) -> None:
    deployed(world)
    world.roll(STATEFUL_SETS, "broken")
    world.roll(STATEFUL_SETS, "one")
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "broken"}
    world.remove(PODS, "web-2")
    world.all_ready()
    assert set(world.images().values()) == {"one"}
    status = world.status(STATEFUL_SETS)
    assert status["currentRevision"] == status["updateRevision"]


def test_parallel_pods_are_replaced_one_at_a_time_too(world: WorkloadWorld) -> None:
    deployed(world, **PARALLEL)
    world.roll(STATEFUL_SETS, "two")
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "two"}


def test_parallel_pods_let_a_broken_one_be_mended(world: WorkloadWorld) -> None:
    deployed(world, **PARALLEL)
    world.roll(STATEFUL_SETS, "broken")
    world.roll(STATEFUL_SETS, "one")
    assert set(world.images().values()) == {"one"}


def test_pods_below_the_partition_keep_their_template_even_when_made_anew(world: WorkloadWorld) -> None:
    deployed(world, **partition(2))
    rolled(world, "two")
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "two"}
    world.remove(PODS, "web-1")
    world.remove(PODS, "web-2")
    world.all_ready()
    assert world.images() == {"web-0": "one", "web-1": "one", "web-2": "two"}
    world.edit(STATEFUL_SETS, **partition(0))
    world.all_ready()
    assert set(world.images().values()) == {"two"}


def test_the_partition_counts_from_the_first_number(world: WorkloadWorld) -> None:
    deployed(world, ordinals={"start": 5}, **partition(2))
    rolled(world, "two")
    assert world.images() == {"web-5": "one", "web-6": "one", "web-7": "two"}


def test_on_delete_leaves_replacing_to_whoever_deletes(world: WorkloadWorld) -> None:
    deployed(world, updateStrategy={"type": "OnDelete"})
    rolled(world, "two")
    assert set(world.images().values()) == {"one"}
    for name in ("web-0", "web-1", "web-2"):
        world.remove(PODS, name)
        world.all_ready()
    assert set(world.images().values()) == {"two"}
    status = world.status(STATEFUL_SETS)
    assert status["updatedReplicas"] == 3
    assert status["currentRevision"] != status["updateRevision"]  # only a rolling update is ever completed


def test_scaling_down_removes_the_highest_numbers_one_by_one(world: WorkloadWorld) -> None:
    deployed(world)
    held(world, "web-2")
    world.edit(STATEFUL_SETS, replicas=1)
    assert set(world.images()) == {"web-0", "web-1"}
    released(world, "web-2")
    assert set(world.images()) == {"web-0"}


def test_scaling_down_waits_for_every_pod_that_stays(world: WorkloadWorld) -> None:
    deployed(world)
    ready(world, "web-0", ready=False)
    world.edit(STATEFUL_SETS, replicas=1)
    assert len(world.pods()) == 3
    ready(world, "web-0")
    assert set(world.images()) == {"web-0"}


def test_of_two_sick_pods_too_many_the_higher_waits_for_the_lower(world: WorkloadWorld) -> None:
    deployed(world, 4)
    ready(world, "web-3", ready=False)
    ready(world, "web-1", ready=False)
    world.edit(STATEFUL_SETS, replicas=1)
    assert len(world.pods()) == 4
    ready(world, "web-1")
    assert set(world.images()) == {"web-0"}


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_a_pod_that_has_ended_is_made_anew(world: WorkloadWorld, policy: str) -> None:
    deployed(world, podManagementPolicy=policy)
    uid = world.read(PODS, "web-1")["metadata"]["uid"]
    ready(world, "web-1", ready=False, phase="Failed")
    assert world.read(PODS, "web-1")["metadata"]["uid"] != uid
    assert len(world.events("SuccessfulDelete")) == 1


def test_the_next_pod_waits_until_the_one_before_was_ready_for_long_enough(world: WorkloadWorld) -> None:
    world.create(STATEFUL_SETS, replicas=2, minReadySeconds=10)
    ready(world, "web-0")
    assert world.driven.due_in() == 10
    assert set(world.images()) == {"web-0"}
    world.clock.pass_seconds(10)
    world.driven.look_again()
    assert set(world.images()) == {"web-0", "web-1"}
    assert world.status(STATEFUL_SETS)["availableReplicas"] == 1


def test_pods_with_other_names_are_left_alone_whatever_their_labels(world: WorkloadWorld) -> None:
    others = {"other", "web-x", "web-01", "web-1-0", "web"}
    for name in others:
        orphan(world, name)
    deployed(world, 2)
    assert set(world.images()) == others | {"web-0", "web-1"}
    assert all(is_ready(pod) for pod in world.pods())
    assert "ownerReferences" not in world.read(PODS, "web-01")["metadata"]


def test_an_orphan_with_one_of_its_names_is_taken_in(world: WorkloadWorld) -> None:
    orphan(world, "web-0")
    uid = world.read(PODS, "web-0")["metadata"]["uid"]
    world.create(STATEFUL_SETS, replicas=1, updateStrategy={"type": "OnDelete"})
    found = world.read(PODS, "web-0")["metadata"]
    assert found["uid"] == uid
    assert found["ownerReferences"][0]["kind"] == "StatefulSet"


def test_a_pod_that_cannot_be_made_does_not_keep_the_status_from_being_told(world: WorkloadWorld) -> None:
    spec = workload_spec("one") | {"replicas": 1}
    world.objects.create(PODS, named(PODS, "web-0", spec=spec["template"]["spec"]))  # somebody else's
    world.objects.create(STATEFUL_SETS, named(STATEFUL_SETS, "web", spec=spec))
    with pytest.raises(Exception, match="already exists"):
        StatefulSetController(world.objects).sync(("shop", "web"))
    assert world.status(STATEFUL_SETS)["observedGeneration"] == 1
    world.objects.delete(PODS, "shop", "web-0", DeleteOptions(grace_seconds=0))
    world.driven.settle()
    assert world.status(STATEFUL_SETS)["replicas"] == 1


@pytest.mark.parametrize("ordinals", [{"start": None}, {"start": -3}, None])
def test_odd_ordinals_start_at_nothing(world: WorkloadWorld, ordinals: Json | None) -> None:
    deployed(world, 2, ordinals=ordinals)
    assert set(world.images()) == {"web-0", "web-1"}
