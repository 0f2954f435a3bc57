"""What is owned goes with its owners."""

from __future__ import annotations

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions, Propagation
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import (
    CLUSTER_ROLES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Json,
    ResourceType,
)
from flowdrill.cluster.controllers.garbage_collection import GarbageCollector
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named, owned_by

DRILLS = ResourceType("example.org", "v1", "Drill", "drills")
NEVER_THERE = "00000000-0000-0000-0000-000000000000"


class World:
    """ConfigMaps that own each other, mostly: they have no rules of their own."""

    def __init__(self) -> None:
        self.objects: Objects = fresh_objects(Clock())
        self.objects.types.add(DRILLS)
        self.driven = Driven(self.objects, GarbageCollector(self.objects))

    def make(self, name: str, *owners: Json, resource: ResourceType = CONFIG_MAPS, blocks: bool = False) -> Json:
        references = [one if "metadata" not in one else owned_by(one, blocks=blocks) for one in owners]
        made = self.objects.create(resource, named(resource, name, ownerReferences=references))
        self.driven.settle()
        return made

    def delete(self, name: str, how: Propagation | None = None, resource: ResourceType = CONFIG_MAPS) -> None:
        self.objects.delete(resource, "shop", name, DeleteOptions(propagation=how))
        self.driven.settle()

    def names(self, resource: ResourceType = CONFIG_MAPS) -> list[str]:
        return [one["metadata"]["name"] for one in self.objects.select(resource, "shop")]

    def hold(self, name: str, *, held: bool) -> None:
        def edit(one: Json) -> None:
            others = [each for each in one["metadata"].get("finalizers") or () if each != "example.org/hold"]
            one["metadata"]["finalizers"] = [*others, *(["example.org/hold"] if held else [])]

        self.objects.change(CONFIG_MAPS, "shop", name, edit)
        self.driven.settle()


@pytest.fixture
def world() -> World:
    return World()


def test_in_the_background_dependents_follow_their_owner_to_the_last(world: World) -> None:
    child = world.make("child", world.make("owner"))
    world.make("grandchild", child)
    world.make("stranger")
    world.delete("owner", Propagation.BACKGROUND)
    assert world.names() == ["stranger"]


def test_in_the_foreground_the_owner_goes_last(world: World) -> None:
    owner = world.make("owner")
    world.make("child", owner, blocks=True)
    world.hold("child", held=True)
    world.delete("owner", Propagation.FOREGROUND)
    assert world.names() == ["child", "owner"]
    assert "deletionTimestamp" in world.objects.get(CONFIG_MAPS, "shop", "child")["metadata"]
    world.hold("child", held=False)
    assert world.names() == []


def test_a_dependent_that_blocks_nothing_is_not_waited_for(world: World) -> None:
    owner = world.make("owner")
    world.make("child", owner, blocks=False)
    world.hold("child", held=True)
    world.delete("owner", Propagation.FOREGROUND)
    assert world.names() == ["child"]
    world.hold("child", held=False)
    assert world.names() == []


def test_in_the_foreground_grandchildren_go_before_children(world: World) -> None:
    owner = world.make("owner")
    child = world.make("child", owner, blocks=True)
    world.make("grandchild", child, blocks=True)
    world.hold("grandchild", held=True)
    world.delete("owner", Propagation.FOREGROUND)
    assert world.names() == ["child", "grandchild", "owner"]
    world.hold("grandchild", held=False)
    assert world.names() == []


def test_objects_that_own_each_other_can_be_deleted(world: World) -> None:
    one = world.make("one")
    other = world.make("other", one, blocks=True)

    def edit(value: Json) -> None:
        value["metadata"]["ownerReferences"] = [owned_by(other, blocks=True)]

    world.objects.change(CONFIG_MAPS, "shop", "one", edit)
    world.driven.settle()
    world.delete("one", Propagation.FOREGROUND)
    assert world.names() == []


def test_orphans_stay_and_forget_their_owner(world: World) -> None:
    world.make("child", world.make("owner"))
    world.delete("owner", Propagation.ORPHAN)
    assert world.names() == ["child"]
    assert not world.objects.get(CONFIG_MAPS, "shop", "child")["metadata"].get("ownerReferences")


def test_one_owner_that_stays_is_enough(world: World) -> None:
    going, staying = world.make("going"), world.make("staying")
    world.make("child", going, staying)
    world.delete("going")
    (left,) = world.objects.get(CONFIG_MAPS, "shop", "child")["metadata"]["ownerReferences"]
    assert left["name"] == "staying"


def test_an_owner_that_never_was_is_as_good_as_gone(world: World) -> None:
    world.make("child", {"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": NEVER_THERE})
    assert world.names() == []


def test_an_owner_made_anew_under_the_old_name_is_not_the_owner(world: World) -> None:
    owner = world.make("owner")
    world.make("child", owned_by(owner) | {"uid": NEVER_THERE})
    assert world.names() == ["owner"]


def test_an_owner_of_a_kind_nobody_serves_keeps_its_dependents(world: World) -> None:
    world.make("child", {"apiVersion": "other.org/v1", "kind": "Thing", "name": "x", "uid": NEVER_THERE})
    assert world.names() == ["child"]


def test_a_cluster_wide_object_cannot_be_owned_by_one_in_a_namespace(world: World) -> None:
    owner = world.make("owner")
    role = named(CLUSTER_ROLES, "role", None, ownerReferences=[owned_by(owner)], rules=[])
    world.objects.create(CLUSTER_ROLES, role)
    world.delete("owner")
    assert world.objects.find(CLUSTER_ROLES, None, "role") is not None


def test_custom_resources_own_and_are_owned(world: World) -> None:
    drill = world.make("drill", resource=DRILLS)
    world.make("record", drill)
    world.make("part", drill, resource=DRILLS)
    world.delete("drill", resource=DRILLS)
    assert world.names() == []
    assert world.names(DRILLS) == []


def test_dependents_of_a_kind_that_is_served_no_more_go(world: World) -> None:
    world.make("record", world.make("drill", resource=DRILLS))
    world.objects.delete(DRILLS, "shop", "drill")
    world.objects.types.remove(DRILLS)
    world.driven.settle()
    assert world.names() == []


def test_what_lost_its_owner_while_nobody_looked_is_found_at_the_start() -> None:
    objects = fresh_objects(Clock())
    owner = objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "owner"))
    objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "child", ownerReferences=[owned_by(owner)]))
    objects.delete(CONFIG_MAPS, "shop", "owner")
    Driven(objects, GarbageCollector(objects)).settle()
    assert objects.select(CONFIG_MAPS, "shop") == []


def test_a_deployment_takes_its_replicaset_and_pods_along(world: World) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    deployment = world.objects.create(DEPLOYMENTS, named(DEPLOYMENTS, "flow", spec=spec))
    replica_set = named(REPLICA_SETS, "flow-1", spec=spec, ownerReferences=[owned_by(deployment, blocks=True)])
    made = world.objects.create(REPLICA_SETS, replica_set)
    pod = named(PODS, "flow-1-a", labels={"a": "b"}, spec=template["spec"], ownerReferences=[owned_by(made)])
    world.objects.create(PODS, pod)
    world.delete("flow", Propagation.FOREGROUND, DEPLOYMENTS)
    assert [world.names(one) for one in (DEPLOYMENTS, REPLICA_SETS, PODS)] == [[], [], []]
