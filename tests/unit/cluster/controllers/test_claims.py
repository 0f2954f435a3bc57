"""Claims are bound at once, hold pods back until they are, and go when no pod has them any more."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.deletion import CLAIM_PROTECTION, DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import (
    EVENTS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    Json,
)
from flowdrill.cluster.controllers.claims import ClaimController
from flowdrill.cluster.controllers.namespaces import NamespaceController
from flowdrill.cluster.controllers.scheduling import Scheduler
from flowdrill.cluster.events import EventRecorder
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named

SPEC: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


class World:
    """A node, and what looks after claims."""

    def __init__(self) -> None:
        self.objects: Objects = fresh_objects(Clock())
        self.driven = Driven(
            self.objects, ClaimController(self.objects), NamespaceController(self.objects),
            Scheduler(self.objects, EventRecorder(self.objects, "default-scheduler")),
        )  # fmt: skip
        self.objects.create(NODES, named(NODES, "box", None, spec={}))

    def claim(self, **spec: Any) -> Json:
        made = self.objects.create(
            PERSISTENT_VOLUME_CLAIMS, named(PERSISTENT_VOLUME_CLAIMS, "data", spec={**SPEC, **spec})
        )
        self.driven.settle()
        return made

    def pod(self, name: str = "web") -> None:
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "w", "emptyDir": {}}]
        spec = {"containers": [{"name": "c", "image": "i"}], "volumes": volumes}
        self.objects.create(PODS, named(PODS, name, spec=spec))
        self.driven.settle()

    def delete(self, grace_seconds: int | None = None) -> None:
        self.objects.delete(PERSISTENT_VOLUME_CLAIMS, "shop", "data", DeleteOptions(grace_seconds=grace_seconds))
        self.driven.settle()

    def remove_pod(self, name: str = "web") -> None:
        self.objects.delete(PODS, "shop", name, DeleteOptions(grace_seconds=0))
        self.driven.settle()

    @property
    def seen(self) -> Json | None:
        return self.objects.find(PERSISTENT_VOLUME_CLAIMS, "shop", "data")

    def node_of(self, name: str = "web") -> str | None:
        return self.objects.get(PODS, "shop", name)["spec"].get("nodeName")

    def told(self, reason: str) -> list[str]:
        return [one["message"] for one in self.objects.select(EVENTS, "shop") if one["reason"] == reason]


@pytest.fixture
def world() -> World:
    return World()


def test_a_claim_is_bound_to_a_volume_of_its_own(world: World) -> None:
    uid = world.claim()["metadata"]["uid"]
    assert world.seen is not None
    assert world.seen["spec"]["volumeName"] == f"pvc-{uid}"
    assert world.seen["status"] == {
        "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"},
    }  # fmt: skip


def test_a_bound_claim_that_is_asked_to_grow_has_grown(world: World) -> None:
    world.claim()

    def grow(one: Json) -> None:
        one["spec"]["resources"] = {"requests": {"storage": "2Gi"}}

    world.objects.change(PERSISTENT_VOLUME_CLAIMS, "shop", "data", grow)
    world.driven.settle()
    assert world.seen is not None
    assert world.seen["status"]["capacity"] == {"storage": "2Gi"}


def test_a_claim_for_a_volume_of_somebody_else_waits_and_says_why(world: World) -> None:
    world.claim(volumeName="nfs-1")
    world.pod()
    assert world.seen is not None
    assert world.seen["status"] == {"phase": "Pending"}
    assert "leave spec.volumeName out" in world.told("FailedBinding")[0]
    assert world.told("FailedScheduling") == [
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    ]


def test_a_pod_waits_for_its_claim_and_goes_on_when_it_comes(world: World) -> None:
    world.pod()
    assert world.node_of() is None
    assert world.told("FailedScheduling") == ['0/1 nodes are available: persistentvolumeclaim "data" not found.']
    world.claim()
    assert world.node_of() == "box"


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_claim_goes_when_the_last_pod_that_has_it_is_gone(world: World, phase: str) -> None:
    world.claim()
    world.pod("one")
    world.pod("two")
    world.objects.change(PODS, "shop", "two", lambda pod: pod["status"].update(phase=phase))
    world.delete(0)
    world.pod("late")
    assert world.node_of("late") is None
    assert '"data" is being deleted' in world.told("FailedScheduling")[0]
    world.remove_pod("one")
    assert world.seen is not None
    world.remove_pod("two")
    assert world.seen is None, "a pod that waits for a node holds nothing"
    world.claim()
    assert world.node_of("late") == "box"


def test_a_claim_that_nobody_has_goes_at_once(world: World) -> None:
    world.claim()
    world.delete()
    assert world.seen is None


def test_a_protection_that_was_taken_away_comes_back_while_the_claim_lasts(world: World) -> None:
    world.claim()
    world.objects.change(
        PERSISTENT_VOLUME_CLAIMS, "shop", "data", lambda one: one["metadata"].update(finalizers=["x/y"])
    )
    world.driven.settle()
    assert world.seen is not None
    assert world.seen["metadata"]["finalizers"] == ["x/y", CLAIM_PROTECTION]
    world.delete()
    assert world.seen is not None
    assert world.seen["metadata"]["finalizers"] == ["x/y"], "the other one is somebody else's"


def test_claims_go_with_their_namespace_after_its_pods(world: World) -> None:
    world.claim()
    world.pod()
    world.objects.delete(NAMESPACES, None, "shop")
    world.driven.settle()
    assert world.seen is not None
    world.remove_pod()
    assert world.objects.find(NAMESPACES, None, "shop") is None
