"""Pods go to the node when it has room, and say why when it has not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import EVENTS, NODES, PODS, Json
from flowdrill.cluster.controllers.pod_requests import requests_of
from flowdrill.cluster.controllers.scheduling import Scheduler
from flowdrill.cluster.events import EventRecorder
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named


class World:
    """A node with 2 CPUs, 1 GiB and room for 3 pods."""

    def __init__(self) -> None:
        self.objects: Objects = fresh_objects(Clock())
        self.driven = Driven(self.objects, Scheduler(self.objects, EventRecorder(self.objects, "default-scheduler")))

    def node(self) -> None:
        self.objects.create(NODES, named(NODES, "box", None, labels={"disk": "fast"}, spec={}))
        allocatable = {"cpu": "2", "memory": "1Gi", "pods": "3"}

        def edit(node: Json) -> None:
            node["status"] = {"allocatable": allocatable}

        self.objects.change(NODES, None, "box", edit, part=Part.STATUS)
        self.driven.settle()

    def pod(self, name: str, requests: Json | None = None, **spec: Any) -> None:
        container = {"name": "c", "image": "i", "resources": {"requests": requests or {}}}
        self.objects.create(PODS, named(PODS, name, spec={"containers": [container], **spec}))
        self.driven.settle()

    def where(self, name: str) -> str | None:
        node: str | None = self.objects.get(PODS, "shop", name)["spec"].get("nodeName")
        return node

    def condition(self, name: str) -> Json:
        conditions = self.objects.get(PODS, "shop", name)["status"]["conditions"]
        (found,) = [one for one in conditions if one["type"] == "PodScheduled"]
        return {key: value for key, value in found.items() if key in ("status", "reason", "message")}

    def events(self) -> list[str]:
        return [f"{one['type']} {one['reason']}: {one['message']}" for one in self.objects.select(EVENTS, "shop")]


@pytest.fixture
def world() -> World:
    world = World()
    world.node()
    return world


def unschedulable(message: str) -> Json:
    return {"status": "False", "reason": "Unschedulable", "message": message}


def test_a_pod_is_bound_and_the_event_says_where(world: World) -> None:
    world.pod("a", {"cpu": "500m"})
    assert world.where("a") == "box"
    assert world.condition("a") == {"status": "True"}
    assert world.events() == ["Normal Scheduled: Successfully assigned shop/a to box"]


def test_a_pod_that_asks_for_too_much_says_of_what(world: World) -> None:
    world.pod("a", {"cpu": "2100m", "memory": "2Gi", "example.org/gpu": "1"})
    message = "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.org/gpu, 1 Insufficient memory."
    assert world.where("a") is None
    assert world.condition("a") == unschedulable(message)
    assert world.events() == [f"Warning FailedScheduling: {message}"]


def test_what_other_pods_hold_counts_until_they_have_ended(world: World) -> None:
    world.pod("first", {"cpu": "1500m"})
    world.pod("second", {"cpu": "1"})
    assert world.condition("second") == unschedulable("0/1 nodes are available: 1 Insufficient cpu.")
    world.objects.change(PODS, "shop", "first", lambda pod: pod["status"].update(phase="Succeeded"), part=Part.STATUS)
    world.driven.settle()
    assert world.where("second") == "box"
    assert world.condition("second") == {"status": "True"}


def test_room_that_a_deleted_pod_leaves_is_used(world: World) -> None:
    for name in ("a", "b", "c", "d"):
        world.pod(name)
    assert world.condition("d") == unschedulable("0/1 nodes are available: 1 Too many pods.")
    world.objects.delete(PODS, "shop", "a", DeleteOptions(grace_seconds=0))
    world.driven.settle()
    assert world.where("d") == "box"


def test_a_cordoned_node_takes_nothing_until_it_is_uncordoned(world: World) -> None:
    world.objects.change(NODES, None, "box", lambda node: node["spec"].update(unschedulable=True))
    world.pod("a")
    assert world.condition("a") == unschedulable("0/1 nodes are available: 1 node(s) were unschedulable.")
    world.objects.change(NODES, None, "box", lambda node: node["spec"].pop("unschedulable"))
    world.driven.settle()
    assert world.where("a") == "box"


def test_a_node_selector_must_match_the_nodes_labels(world: World) -> None:
    world.pod("here", nodeSelector={"disk": "fast"})
    world.pod("nowhere", nodeSelector={"disk": "slow"})
    assert world.where("here") == "box"
    assert world.condition("nowhere") == unschedulable(
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    )


def test_pods_wait_for_the_first_node() -> None:
    world = World()
    world.pod("early")
    assert world.condition("early") == unschedulable("no nodes available to schedule pods")
    world.node()
    assert world.where("early") == "box"


def test_pods_of_another_scheduler_are_left_to_it(world: World) -> None:
    world.pod("theirs", schedulerName="other")
    assert world.where("theirs") is None
    assert world.events() == []


def test_nothing_is_said_twice_while_nothing_changes(world: World) -> None:
    world.pod("a", {"cpu": "3"})
    before = world.objects.store.revision
    world.objects.change(NODES, None, "box", lambda node: node["metadata"]["labels"].update(note="x"))
    world.driven.settle()
    assert world.objects.store.revision == before + 1


def test_an_init_container_counts_where_it_asks_for_more() -> None:
    one = {"resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}
    first = {"resources": {"requests": {"cpu": "1500m"}, "limits": {"memory": "1Ki"}}}
    spec = {"containers": [one, one], "initContainers": [first], "overhead": {"cpu": "100m"}}
    assert requests_of({"spec": spec}) == {
        "pods": Decimal(1),
        "cpu": Decimal("2.1"),
        "memory": Decimal(2 * 1024**2),
    }


def test_a_request_that_cannot_be_read_asks_for_nothing() -> None:
    container = {"resources": {"requests": {"cpu": "much", "memory": "1k"}}}
    assert requests_of({"spec": {"containers": [container]}}) == {"pods": Decimal(1), "memory": Decimal(1000)}
