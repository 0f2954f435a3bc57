"""A StatefulSet's pods have claims of their own, which outlive them and the set."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS, Json
from flowdrill.cluster.controllers.stateful_sets import StatefulSetController
from tests.unit.cluster.controllers.driven import named
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, workload_spec

SPEC: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
TEMPLATE: Json = {"metadata": {"name": "data", "labels": {"app": "other", "x": "y"}, "annotations": {"a": "b"}}}
TEMPLATE |= {"spec": SPEC}


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def made(world: WorkloadWorld, *templates: Json, replicas: int = 2, **spec: Any) -> None:
    world.create(STATEFUL_SETS, replicas=replicas, volumeClaimTemplates=list(templates or (TEMPLATE,)), **spec)
    world.all_ready()


def claims(world: WorkloadWorld) -> dict[str, str]:
    found = world.objects.select(PERSISTENT_VOLUME_CLAIMS, "shop")
    return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found}


def test_each_pod_has_a_claim_with_the_sets_labels_and_mounts_it(world: WorkloadWorld) -> None:
    template = workload_spec("one")["template"]
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "more", "emptyDir": {}}]
    made(world, template={**template, "spec": {**template["spec"], "volumes": volumes}}, ordinals={"start": 3})
    assert set(claims(world)) == {"data-web-3", "data-web-4"}
    meta = world.read(PERSISTENT_VOLUME_CLAIMS, "data-web-4")["metadata"]
    assert (meta["labels"], meta["annotations"]) == ({"app": "web", "x": "y"}, {"a": "b"})
    assert "ownerReferences" not in meta
    assert world.read(PODS, "web-4")["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-4"}}, {"name": "more", "emptyDir": {}},
    ]  # fmt: skip
    assert "create Claim data-web-3 Pod web-3 in StatefulSet web success" in world.events("SuccessfulCreate")


def test_claims_stay_when_pods_go_the_set_shrinks_and_the_set_is_deleted(world: WorkloadWorld) -> None:
    made(world)
    before = claims(world)
    world.remove(PODS, "web-1")
    world.all_ready()
    world.roll(STATEFUL_SETS, "two")
    world.all_ready()
    world.edit(STATEFUL_SETS, replicas=0)
    assert world.pods() == []
    world.edit(STATEFUL_SETS, replicas=2)
    world.all_ready()
    assert claims(world) == before
    world.remove(STATEFUL_SETS, "web")
    assert claims(world) == before


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_a_pending_pod_whose_claim_has_gone_gets_another(world: WorkloadWorld, policy: str) -> None:
    world.create(STATEFUL_SETS, replicas=1, volumeClaimTemplates=[TEMPLATE], podManagementPolicy=policy)
    before = claims(world)
    world.objects.delete(PERSISTENT_VOLUME_CLAIMS, "shop", "data-web-0")
    world.objects.change(PERSISTENT_VOLUME_CLAIMS, "shop", "data-web-0", lambda one: one["metadata"].pop("finalizers"))
    world.driven.settle()
    assert claims(world).keys() == before.keys()
    assert claims(world) != before


@pytest.mark.parametrize(
    "template",
    [{"metadata": {"name": "../../x"}, "spec": SPEC}, {"metadata": {"name": "data"}}, {"spec": SPEC}, {}],
)
def test_a_claim_that_is_refused_is_told_and_no_pod_is_made(world: WorkloadWorld, template: Json) -> None:
    spec = workload_spec("one") | {"replicas": 1, "volumeClaimTemplates": [template]}
    world.objects.create(STATEFUL_SETS, named(STATEFUL_SETS, "web", spec=spec))
    with pytest.raises(Exception, match="is invalid"):
        StatefulSetController(world.objects).sync(("shop", "web"))
    assert (world.pods(), claims(world)) == ([], {})
    assert "for Pod web-0 in StatefulSet web failed error: PersistentVolumeClaim" in world.events("FailedCreate")[0]
    assert world.status(STATEFUL_SETS)["observedGeneration"] == 1
