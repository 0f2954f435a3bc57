"""What quotas say of themselves, and what workloads say while their pods are refused."""

from __future__ import annotations

import pytest

from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    STATEFUL_SETS,
    Json,
)
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.deployments import DeploymentController
from flowdrill.cluster.controllers.quotas import QuotaController
from flowdrill.cluster.controllers.replica_sets import ReplicaSetController
from flowdrill.cluster.controllers.stateful_sets import StatefulSetController
from tests.unit.cluster.controllers.driven import Driven, named
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, workload_spec

KEY = ("shop", "web")


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def limit(world: WorkloadWorld, name: str = "q", **hard: str) -> None:
    world.objects.create(RESOURCE_QUOTAS, named(RESOURCE_QUOTAS, name, spec={"hard": hard}))


def failure(value: Json) -> Json | None:
    conditions = (value.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == "ReplicaFailure"), None)


def test_a_quota_counts_what_there_is_and_follows_every_change(world: WorkloadWorld) -> None:
    driven = Driven(world.objects, QuotaController(world.objects))
    limit(world, **{"pods": "3", "configmaps": "1k", "count/nobodys.example.org": "1"})
    driven.settle()

    def used() -> Json:
        return dict(world.status(RESOURCE_QUOTAS, "q")["used"])

    assert world.status(RESOURCE_QUOTAS, "q") == {
        "hard": {"pods": "3", "configmaps": "1k", "count/nobodys.example.org": "1"},
        "used": {"pods": "0", "configmaps": "0", "count/nobodys.example.org": "0"},
    }
    world.objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "x"))
    world.objects.create(PODS, named(PODS, "a", spec=workload_spec("one")["template"]["spec"]))
    driven.settle()
    assert used() == {"pods": "1", "configmaps": "1", "count/nobodys.example.org": "0"}
    world.objects.change(PODS, "shop", "a", lambda one: one["status"].update(phase="Failed"), part=Part.STATUS)
    world.objects.delete(CONFIG_MAPS, "shop", "x")
    driven.settle()
    assert used() == {"pods": "0", "configmaps": "0", "count/nobodys.example.org": "0"}
    before = world.objects.store.revision
    world.objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "y"))
    driven.settle()
    assert world.objects.store.revision == before + 2, "one for the object, one for the status"


def test_a_set_says_which_pods_were_refused_until_they_may_be(world: WorkloadWorld) -> None:
    limit(world, pods="1")
    world.objects.create(REPLICA_SETS, named(REPLICA_SETS, "web", spec=workload_spec("one") | {"replicas": 3}))
    controller = ReplicaSetController(world.objects)
    for _ in range(2):
        with pytest.raises(StatusError, match="exceeded quota: q"):
            controller.sync(KEY)
    seen = failure(world.read(REPLICA_SETS))
    assert seen is not None
    assert (seen["status"], seen["reason"]) == ("True", "FailedCreate")
    assert world.status(REPLICA_SETS)["replicas"] == 1
    events = world.events("FailedCreate")
    assert len(events) == 2
    assert f"Error creating: {seen['message']}" in events
    world.objects.change(RESOURCE_QUOTAS, "shop", "q", lambda one: one["spec"]["hard"].update(pods="3"))
    controller.sync(KEY)
    assert len(world.pods()) == 3
    assert failure(world.read(REPLICA_SETS)) is None


def test_a_deployment_says_so_of_the_newest_set_first(world: WorkloadWorld) -> None:
    world.create(DEPLOYMENTS, replicas=1)
    world.all_ready()
    limit(world, pods="1")
    world.objects.change(
        DEPLOYMENTS, "shop", "web", lambda one: one["spec"].update(template=workload_spec("two")["template"])
    )
    deployments, sets = DeploymentController(world.objects), ReplicaSetController(world.objects)
    deployments.sync(KEY)
    new = world.replica_sets()["two"]["metadata"]["name"]
    with pytest.raises(StatusError):
        sets.sync(("shop", new))
    deployments.sync(KEY)
    seen, of_set = failure(world.read(DEPLOYMENTS)), failure(world.read(REPLICA_SETS, new))
    assert seen is not None
    assert of_set is not None
    assert seen == of_set | {"lastUpdateTime": of_set["lastTransitionTime"]}
    assert new in seen["message"]
    world.remove(RESOURCE_QUOTAS, "q")
    sets.sync(("shop", new))
    world.driven.settle()
    assert failure(world.read(DEPLOYMENTS)) is None


def test_a_stateful_set_tells_which_pod_was_refused(world: WorkloadWorld) -> None:
    limit(world, pods="0")
    world.objects.create(STATEFUL_SETS, named(STATEFUL_SETS, "web", spec=workload_spec("one")))
    with pytest.raises(StatusError):
        StatefulSetController(world.objects).sync(KEY)
    (event,) = world.events("FailedCreate")
    assert event == (
        'create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: exceeded quota: q, '
        "requested: pods=1, used: pods=0, limited: pods=0"
    )


def test_a_namespace_that_goes_is_no_failure_of_its_sets(world: WorkloadWorld) -> None:
    world.objects.create(REPLICA_SETS, named(REPLICA_SETS, "web", spec=workload_spec("one")))
    world.objects.delete(NAMESPACES, None, "shop")
    with pytest.raises(StatusError, match="being terminated"):
        ReplicaSetController(world.objects).sync(KEY)
    assert failure(world.read(REPLICA_SETS)) is None
