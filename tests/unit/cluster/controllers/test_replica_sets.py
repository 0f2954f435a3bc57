"""ReplicaSets have as many pods as are wanted, and give up the least useful ones first."""

from __future__ import annotations

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions, Propagation
from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import NAMESPACES, PODS, REPLICA_SETS, Json
from flowdrill.cluster.controllers.garbage_collection import GarbageCollector
from flowdrill.cluster.controllers.replica_sets import ReplicaSetController
from tests.unit.cluster.controllers.driven import Driven, named, put_odd
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, workload_spec

COST = "controller.kubernetes.io/pod-deletion-cost"


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def orphan(world: WorkloadWorld, name: str, *, app: str = "web", ready: bool = True, **annotations: str) -> Json:
    """A running pod that is nobody's."""
    spec = {**workload_spec("one")["template"]["spec"], "nodeName": "box"}
    world.objects.create(PODS, named(PODS, name, labels={"app": app}, annotations=annotations, spec=spec))
    world.set_ready(world.objects.get(PODS, "shop", name), ready=ready)
    return world.objects.get(PODS, "shop", name)


def names(world: WorkloadWorld) -> set[str]:
    return {pod["metadata"]["name"] for pod in world.pods()}


def given_up(world: WorkloadWorld) -> set[str]:
    """Which of the orphans goes when a ReplicaSet wants one fewer."""
    before = names(world)
    world.create(REPLICA_SETS, replicas=len(before) - 1)
    return before - names(world)


def test_pods_that_go_come_back_and_those_too_many_go(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=3)
    gone = world.pods()[0]["metadata"]["name"]
    world.remove(PODS, gone)
    assert len(world.pods()) == 3
    assert gone not in names(world)
    world.edit(REPLICA_SETS, replicas=1)
    assert len(world.pods()) == 1
    assert len(world.events("SuccessfulCreate")) == 4
    assert len(world.events("SuccessfulDelete")) == 2


def test_a_pod_is_made_from_the_template_and_belongs_to_its_set(world: WorkloadWorld) -> None:
    made = world.create(REPLICA_SETS, replicas=1)
    (pod,) = world.pods()
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ReplicaSet", made["metadata"]["uid"], True)
    assert pod["metadata"]["labels"] == {"app": "web"}
    assert pod["metadata"]["name"].startswith("web-")


def test_more_pods_than_are_made_in_one_look_come_all_the_same(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=230)
    assert len(world.pods()) == 230
    world.edit(REPLICA_SETS, replicas=0)
    assert world.pods() == []


def test_one_look_at_a_set_of_billions_ends(world: WorkloadWorld) -> None:
    world.objects.create(REPLICA_SETS, named(REPLICA_SETS, "web", spec=workload_spec("one") | {"replicas": 2**31 - 1}))
    ReplicaSetController(world.objects).sync(("shop", "web"))
    assert len(world.pods()) == 100


def test_no_more_pods_are_made_while_very_many_wait_for_a_node(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=1100)
    assert len(world.pods()) == 1000
    world.objects.bind("shop", world.pods()[0]["metadata"]["name"], "box")
    world.driven.settle()
    assert len(world.pods()) == 1001


def test_a_pod_that_has_ended_is_replaced_and_left_alone(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=1)
    (first,) = world.pods()
    world.set_ready(first, ready=False, phase="Failed")
    assert len(world.pods()) == 2
    assert world.status(REPLICA_SETS)["replicas"] == 1


def test_a_pod_without_a_node_goes_first(world: WorkloadWorld) -> None:
    orphan(world, "placed", ready=False)
    world.objects.create(
        PODS, named(PODS, "waiting", labels={"app": "web"}, spec=workload_spec("x")["template"]["spec"])
    )
    world.set_ready(world.objects.get(PODS, "shop", "waiting"))
    assert given_up(world) == {"waiting"}


def test_a_pending_pod_goes_before_a_running_one(world: WorkloadWorld) -> None:
    orphan(world, "a")
    world.set_ready(orphan(world, "b"), phase="Pending")
    orphan(world, "c", ready=False)
    assert given_up(world) == {"b"}


def test_a_pod_that_is_not_ready_goes_before_ready_ones(world: WorkloadWorld) -> None:
    orphan(world, "a", **{COST: "-100"})
    orphan(world, "b", ready=False)
    assert given_up(world) == {"b"}


def test_of_ready_pods_the_cheapest_goes(world: WorkloadWorld) -> None:
    orphan(world, "a")
    orphan(world, "b", **{COST: "-1"})
    world.clock.pass_seconds(10)
    orphan(world, "c", **{COST: "much"})
    assert given_up(world) == {"b"}


def test_of_pods_as_dear_the_one_that_became_ready_last_goes(world: WorkloadWorld) -> None:
    first = orphan(world, "a")
    world.clock.pass_seconds(10)
    orphan(world, "b")
    world.clock.pass_seconds(10)
    world.set_ready(first)
    assert given_up(world) == {"a"}


def test_of_pods_ready_for_as_long_the_one_restarted_most_goes(world: WorkloadWorld) -> None:
    orphan(world, "a")
    world.set_ready(orphan(world, "b"), containerStatuses=[{"restartCount": 2}, {}])
    orphan(world, "c")
    assert given_up(world) == {"b"}


def test_else_the_youngest_goes(world: WorkloadWorld) -> None:
    a, b = orphan(world, "a", ready=False), orphan(world, "b", ready=False)
    world.clock.pass_seconds(10)
    orphan(world, "c", ready=False)
    assert a["metadata"]["creationTimestamp"] == b["metadata"]["creationTimestamp"]
    assert given_up(world) == {"c"}


def test_pods_that_fit_are_taken_in_and_those_that_no_longer_do_are_let_go(world: WorkloadWorld) -> None:
    orphan(world, "a")
    orphan(world, "stranger", app="other")
    world.create(REPLICA_SETS, replicas=1)
    assert names(world) == {"a", "stranger"}
    world.objects.change(PODS, "shop", "a", lambda pod: pod["metadata"]["labels"].update(app="other"))
    world.driven.settle()
    assert len(names(world)) == 3
    assert world.read(PODS, "a")["metadata"].get("ownerReferences") == []


def test_pods_of_another_owner_are_never_taken(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=1)
    mine = names(world)
    world.create(REPLICA_SETS, replicas=1, name="twin")
    assert mine < names(world)
    assert len(names(world)) == 2


def test_a_set_that_is_being_deleted_makes_no_pods(world: WorkloadWorld) -> None:
    gc = Driven(world.objects, GarbageCollector(world.objects))
    world.create(REPLICA_SETS, replicas=2)
    pod = world.pods()[0]
    hold = ["x.org/held"]
    world.objects.change(PODS, "shop", pod["metadata"]["name"], lambda one: one["metadata"].update(finalizers=hold))
    world.objects.delete(REPLICA_SETS, "shop", "web", DeleteOptions(propagation=Propagation.FOREGROUND))
    for _ in range(3):
        gc.settle()
        world.driven.settle()
    assert world.pods() == []
    assert world.objects.find(REPLICA_SETS, "shop", "web") is not None
    world.objects.change(PODS, "shop", pod["metadata"]["name"], lambda one: one["metadata"].pop("finalizers"))
    gc.settle()
    assert world.objects.find(REPLICA_SETS, "shop", "web") is None


def test_the_status_counts_pods_by_state(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=3, minReadySeconds=5)
    world.set_ready(world.pods()[0])
    world.clock.pass_seconds(3)
    world.set_ready(world.pods()[1])
    assert world.driven.due_in() == 2
    world.clock.pass_seconds(2)
    world.driven.look_again()
    assert world.status(REPLICA_SETS) == {
        "observedGeneration": 1, "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 2, "availableReplicas": 1,
    }  # fmt: skip


@pytest.mark.parametrize("since", [None, "", "yesterday", "2026-03-01T12:00:00"])
def test_a_pod_that_does_not_say_since_when_it_is_ready_is_counted_all_the_same(
    world: WorkloadWorld, since: str | None
) -> None:
    world.create(REPLICA_SETS, replicas=1, minReadySeconds=5)
    odd = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    (pod,) = world.pods()
    world.objects.change(
        PODS, "shop", pod["metadata"]["name"], lambda one: one["status"].update(conditions=odd), part=Part.STATUS
    )
    world.clock.pass_seconds(10)
    world.driven.settle()
    assert world.status(REPLICA_SETS)["availableReplicas"] == 1


@pytest.mark.parametrize("owner", [None, {}, {"controller": True}, {"uid": "x", "controller": True}])
def test_references_to_no_owner_in_particular_disturb_nobody(world: WorkloadWorld, owner: Json | None) -> None:
    gc = Driven(world.objects, GarbageCollector(world.objects))
    spec = workload_spec("one")["template"]["spec"]
    world.objects.create(PODS, named(PODS, "odd", labels={"app": "other"}, spec=spec))
    put_odd(world.objects, PODS, "odd", labels={"app": "web"}, ownerReferences=[owner])
    world.create(REPLICA_SETS, replicas=2)
    gc.settle()
    assert len(world.pods()) == (3 if owner and owner.get("uid") else 2)


def test_a_namespace_that_goes_gets_no_more_pods(world: WorkloadWorld) -> None:
    world.create(REPLICA_SETS, replicas=1)
    world.objects.delete(NAMESPACES, None, "shop")
    (pod,) = world.pods()
    world.objects.delete(PODS, "shop", pod["metadata"]["name"], DeleteOptions(grace_seconds=0))
    assert world.status(REPLICA_SETS)["replicas"] == 1
    with pytest.raises(Exception, match="being terminated"):
        ReplicaSetController(world.objects).sync(("shop", "web"))
    assert world.status(REPLICA_SETS)["replicas"] == 0
