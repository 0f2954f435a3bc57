"""A StatefulSet remembers its templates as ControllerRevisions, one each, and not too many of them."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import CONTROLLER_REVISIONS, PODS, STATEFUL_SETS, Json
from tests.unit.cluster.controllers.driven import named
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, image_of


@pytest.fixture
def world() -> WorkloadWorld:
    return WorkloadWorld()


def rolled(world: WorkloadWorld, *images: str) -> None:
    for image in images:
        world.roll(STATEFUL_SETS, image)
        world.all_ready()


def deployed(world: WorkloadWorld, **spec: Any) -> None:
    world.create(STATEFUL_SETS, replicas=1, **spec)
    world.all_ready()


def revision(world: WorkloadWorld, image: str) -> Json:
    found = world.objects.select(CONTROLLER_REVISIONS, "shop")
    return next(one for one in found if image_of(one["data"]["spec"]["template"]) == image)


def test_every_template_is_a_revision_of_its_own(world: WorkloadWorld) -> None:
    deployed(world)
    world.annotate(STATEFUL_SETS, "web", **{"kubernetes.io/change-cause": "because"})
    rolled(world, "two")
    assert world.revisions() == {"one": 1, "two": 2}
    two = revision(world, "two")
    assert two["metadata"]["name"] == world.status(STATEFUL_SETS)["updateRevision"]
    assert two["metadata"]["labels"]["app"] == "web"
    assert two["metadata"]["name"] == f"web-{two['metadata']['labels']['controller.kubernetes.io/hash']}"
    assert two["metadata"]["annotations"]["kubernetes.io/change-cause"] == "because"
    assert two["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"


def test_going_back_makes_the_old_revision_the_newest(world: WorkloadWorld) -> None:
    deployed(world)
    first = revision(world, "one")["metadata"]["name"]
    rolled(world, "two", "one")
    assert world.revisions() == {"one": 3, "two": 2}
    assert world.status(STATEFUL_SETS)["updateRevision"] == first


def test_what_is_no_change_of_the_template_is_no_revision(world: WorkloadWorld) -> None:
    deployed(world)
    world.edit(STATEFUL_SETS, replicas=2)
    assert world.revisions() == {"one": 1}


def test_revisions_nobody_uses_are_pruned_to_the_limit_oldest_first(world: WorkloadWorld) -> None:
    deployed(world, revisionHistoryLimit=1)
    rolled(world, "two", "three", "four")
    assert world.revisions() == {"three": 3, "four": 4}


def test_a_limit_of_nothing_keeps_what_pods_still_have(world: WorkloadWorld) -> None:
    deployed(world, revisionHistoryLimit=0)
    world.roll(STATEFUL_SETS, "two")
    assert world.revisions() == {"one": 1, "two": 2}
    world.all_ready()
    assert world.revisions() == {"two": 2}


def test_a_set_made_anew_takes_in_pods_and_revisions_that_were_left(world: WorkloadWorld) -> None:
    deployed(world)
    pod, first = world.read(PODS, "web-0"), revision(world, "one")
    world.objects.delete(STATEFUL_SETS, "shop", "web")
    for resource, one in ((PODS, pod), (CONTROLLER_REVISIONS, first)):
        name = one["metadata"]["name"]
        world.objects.change(resource, "shop", name, lambda value: value["metadata"].pop("ownerReferences"))
    deployed(world)
    assert world.read(PODS, "web-0")["metadata"]["uid"] == pod["metadata"]["uid"]
    (kept,) = world.objects.select(CONTROLLER_REVISIONS, "shop")
    assert kept["metadata"]["uid"] == first["metadata"]["uid"]
    assert world.status(STATEFUL_SETS)["updatedReplicas"] == 1


def test_a_name_that_is_taken_is_passed_over(world: WorkloadWorld) -> None:
    deployed(world)
    taken = revision(world, "one")
    world.remove(STATEFUL_SETS, "web")
    world.remove(PODS, "web-0")
    name = taken["metadata"]["name"]
    world.objects.change(
        CONTROLLER_REVISIONS, "shop", name, lambda one: one["metadata"].update(ownerReferences=[], labels={})
    )
    deployed(world)
    assert len(world.objects.select(CONTROLLER_REVISIONS, "shop")) == 2
    assert world.status(STATEFUL_SETS)["updateRevision"] != name


@pytest.mark.parametrize(
    "odd",
    [{"revision": 7}, {"data": {}, "revision": 7}, {"data": {"spec": {"template": 5}}, "revision": 7},
     {"data": {"spec": {"template": {"spec": {}}}}}],
)  # fmt: skip
def test_revisions_that_cannot_be_read_are_left_alone(world: WorkloadWorld, odd: Json) -> None:
    made = named(CONTROLLER_REVISIONS, "odd", labels={"app": "web"}, **odd)
    world.objects.create(CONTROLLER_REVISIONS, made)
    deployed(world)
    rolled(world, "two")
    assert world.status(STATEFUL_SETS)["updatedReplicas"] == 1
    assert "ownerReferences" not in world.read(CONTROLLER_REVISIONS, "odd")["metadata"]
