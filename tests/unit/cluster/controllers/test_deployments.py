"""Deployments roll from one template to the next and back, at the pace their strategy allows."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import DEPLOYMENTS, PODS, REPLICA_SETS, Json
from tests.unit.cluster.controllers.driven import put_odd
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, is_ready

REVISION, HISTORY = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def rolling(surge: Any, unavailable: Any) -> Json:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def deployed(world: WorkloadWorld, replicas: int = 2, **spec: Any) -> None:
    world.create(DEPLOYMENTS, replicas=replicas, **spec)
    world.all_ready()


def rolled(world: WorkloadWorld, *images: str) -> None:
    for image in images:
        world.roll(DEPLOYMENTS, image)
        world.all_ready()


def annotations(value: Json) -> Json:
    found: Json = value["metadata"]["annotations"]
    return found


def test_a_new_deployment_has_its_pods_and_says_so_when_they_are_available(world: WorkloadWorld) -> None:
    world.create(DEPLOYMENTS, replicas=3)
    assert world.condition("Progressing") == ("True", "ReplicaSetUpdated")
    assert world.condition("Available") == ("False", "MinimumReplicasUnavailable")
    assert world.status(DEPLOYMENTS)["unavailableReplicas"] == 3
    world.all_ready()
    status = {name: value for name, value in world.status(DEPLOYMENTS).items() if name != "conditions"}
    assert status == {
        "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
    }  # fmt: skip
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable")


def test_a_rollout_goes_on_only_as_new_pods_become_ready(world: WorkloadWorld) -> None:
    deployed(world, 3, strategy=rolling(1, 0))
    world.roll(DEPLOYMENTS, "two")
    assert world.sizes() == {"one": 3, "two": 1}
    world.set_ready(world.pods("two")[0])
    assert world.sizes() == {"one": 2, "two": 2}
    world.all_ready()
    assert world.sizes() == {"one": 0, "two": 3}
    assert world.status(DEPLOYMENTS)["replicas"] == 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (0, 1), ("25%", "25%"), (5, 2)])
def test_limits_hold_in_every_order_in_which_pods_become_ready(
    world: WorkloadWorld, surge: Any, unavailable: Any, seed: int
) -> None:
    chance = random.Random(seed)
    deployed(world, 5, strategy=rolling(surge, unavailable))
    most = 5 + (surge if isinstance(surge, int) else 2)
    least = 5 - (unavailable if isinstance(unavailable, int) else 1)
    world.roll(DEPLOYMENTS, "two")
    while waiting := [pod for pod in world.pods() if not is_ready(pod)]:
        assert len(world.pods()) <= most
        assert sum(is_ready(pod) for pod in world.pods()) >= least
        world.set_ready(chance.choice(waiting))
    assert world.sizes() == {"one": 0, "two": 5}


def test_going_back_finds_the_old_replica_set_and_gives_it_the_newest_revision(world: WorkloadWorld) -> None:
    deployed(world)
    first = world.replica_sets()["one"]["metadata"]["uid"]
    rolled(world, "two", "one")
    sets = world.replica_sets()
    assert sets["one"]["metadata"]["uid"] == first
    assert annotations(sets["one"])[REVISION] == annotations(world.read(DEPLOYMENTS))[REVISION] == "3"
    assert annotations(sets["one"])[HISTORY] == "1"
    assert annotations(sets["two"])[REVISION] == "2"
    assert world.sizes() == {"one": 2, "two": 0}
    rolled(world, "two", "one")
    assert annotations(world.replica_sets()["one"])[HISTORY] == "1,3"


def test_the_history_of_revisions_forgets_the_oldest_when_it_grows_long(world: WorkloadWorld) -> None:
    deployed(world)
    rolled(world, "two")
    name = world.replica_sets()["one"]["metadata"]["name"]
    world.annotate(REPLICA_SETS, name, **{HISTORY: ",".join(["1000"] * 400)})
    rolled(world, "one")
    history = annotations(world.replica_sets()["one"])[HISTORY]
    assert len(history) <= 2000
    assert history.endswith(",1000,1")


def test_a_rollback_leaves_working_pods_alone_and_removes_broken_ones(world: WorkloadWorld) -> None:
    deployed(world, 3, strategy=rolling(1, 0))
    kept = world.images()
    world.roll(DEPLOYMENTS, "broken")
    assert len(world.pods("broken")) == 1
    world.roll(DEPLOYMENTS, "one")
    assert world.images() == kept
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_broken_pods_of_an_older_template_go_before_working_ones(world: WorkloadWorld) -> None:
    deployed(world, 4, strategy=rolling(2, 2))
    world.roll(DEPLOYMENTS, "broken")
    assert world.sizes() == {"one": 2, "broken": 4}
    world.roll(DEPLOYMENTS, "three")
    assert world.sizes()["broken"] < 4
    assert world.sizes()["one"] == 2
    assert sum(is_ready(pod) for pod in world.pods()) == 2


def test_a_change_of_cause_goes_to_the_replica_set_but_what_kubectl_applied_does_not(world: WorkloadWorld) -> None:
    deployed(world)
    applied = "kubectl.kubernetes.io/last-applied-configuration"
    world.annotate(DEPLOYMENTS, "web", **{"kubernetes.io/change-cause": "because", applied: "{}"})
    found = annotations(world.replica_sets()["one"])
    assert found["kubernetes.io/change-cause"] == "because"
    assert applied not in found


def test_old_replica_sets_are_pruned_to_the_limit_oldest_first(world: WorkloadWorld) -> None:
    deployed(world, revisionHistoryLimit=2)
    rolled(world, "two", "three", "four", "five")
    assert set(world.sizes()) == {"three", "four", "five"}


def test_a_limit_of_nothing_keeps_the_present_replica_set_only(world: WorkloadWorld) -> None:
    deployed(world, revisionHistoryLimit=0)
    world.roll(DEPLOYMENTS, "two")
    assert set(world.sizes()) == {"one", "two"}
    world.all_ready()
    assert set(world.sizes()) == {"two"}


def test_a_replica_set_that_is_going_already_does_not_take_another_one_along(world: WorkloadWorld) -> None:
    deployed(world, revisionHistoryLimit=2)
    rolled(world, "two", "three")
    name = world.replica_sets()["two"]["metadata"]["name"]
    world.objects.change(REPLICA_SETS, "shop", name, lambda one: one["metadata"].update(finalizers=["x.org/held"]))
    world.remove(REPLICA_SETS, name)
    rolled(world, "four")
    assert set(world.sizes()) == {"one", "two", "three", "four"}


def test_recreate_ends_the_old_pods_before_it_makes_the_new_replica_set(world: WorkloadWorld) -> None:
    deployed(world, strategy={"type": "Recreate"})
    old = world.pods()[0]
    hold = ["x.org/held"]  # as a pod's grace does
    name = old["metadata"]["name"]
    world.objects.change(PODS, "shop", name, lambda one: one["metadata"].update(finalizers=hold))
    world.roll(DEPLOYMENTS, "two")
    assert world.sizes() == {"one": 0}
    world.objects.change(PODS, "shop", name, lambda one: one["metadata"].pop("finalizers"))
    world.driven.settle()
    assert world.sizes() == {"one": 0, "two": 2}
    rolled(world, "one")
    assert world.sizes() == {"one": 2, "two": 0}


def test_pods_are_available_after_they_were_ready_for_long_enough(world: WorkloadWorld) -> None:
    deployed(world, 1, minReadySeconds=10)
    assert world.status(DEPLOYMENTS)["readyReplicas"] == 1
    assert "availableReplicas" not in world.status(DEPLOYMENTS)
    world.clock.pass_seconds(10)
    world.edit(DEPLOYMENTS, minReadySeconds=9)
    assert world.status(DEPLOYMENTS)["availableReplicas"] == 1


def test_a_deployment_takes_in_what_fits_its_selector_and_lets_go_of_the_rest(world: WorkloadWorld) -> None:
    deployed(world)
    name = world.replica_sets()["one"]["metadata"]["name"]
    world.objects.change(REPLICA_SETS, "shop", name, lambda one: one["metadata"]["labels"].update(app="other"))
    world.driven.settle()
    assert world.read(REPLICA_SETS, name)["metadata"].get("ownerReferences") == []
    assert world.status(DEPLOYMENTS)["collisionCount"] == 1  # its name is taken now
    world.objects.change(REPLICA_SETS, "shop", name, lambda one: one["metadata"]["labels"].update(app="web"))
    world.driven.settle()
    assert world.read(REPLICA_SETS, name)["metadata"]["ownerReferences"][0]["kind"] == "Deployment"


def test_a_replica_set_with_an_edited_template_does_not_block_its_deployment(world: WorkloadWorld) -> None:
    deployed(world)
    (one,) = world.replica_sets().values()

    def edit(value: Json) -> None:
        value["spec"]["template"]["spec"]["containers"][0]["image"] = "edited"

    world.objects.change(REPLICA_SETS, "shop", one["metadata"]["name"], edit)
    world.driven.settle()
    world.all_ready()
    assert world.sizes() == {"edited": 0, "one": 2}


@pytest.mark.parametrize("hostile", ["²", "abc", "-1", "9" * 5000, None])
def test_annotations_that_are_no_numbers_do_not_stop_a_rollout(world: WorkloadWorld, hostile: str | None) -> None:
    deployed(world)
    name = world.replica_sets()["one"]["metadata"]["name"]
    names = (REVISION, "deployment.kubernetes.io/max-replicas", "deployment.kubernetes.io/desired-replicas")
    put_odd(world.objects, REPLICA_SETS, name, annotations=dict.fromkeys(names, hostile))
    rolled(world, "two")
    assert world.sizes() == {"one": 0, "two": 2}


def test_conditions_that_somebody_else_wrote_do_not_stop_a_rollout(world: WorkloadWorld) -> None:
    deployed(world)
    odd: list[Json] = [{}, {"type": "Progressing"}, {"type": "Available", "status": "True"}]
    world.objects.change(DEPLOYMENTS, "shop", "web", lambda one: one["status"].update(conditions=odd), part=Part.STATUS)
    rolled(world, "two")
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_scaling_tells_who_was_scaled(world: WorkloadWorld) -> None:
    deployed(world)
    world.edit(DEPLOYMENTS, replicas=3)
    name = world.replica_sets()["one"]["metadata"]["name"]
    assert f"Scaled up replica set {name} from 0 to 2" in world.events("ScalingReplicaSet")
    assert f"Scaled up replica set {name} from 2 to 3" in world.events("ScalingReplicaSet")
