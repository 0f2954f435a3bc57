"""A namespace goes when everything in it has gone."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, EVENTS, NAMESPACES, SECRETS, Json, ResourceType
from flowdrill.cluster.controllers.namespaces import NamespaceController
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named

DRILLS = ResourceType("example.org", "v1", "Drill", "drills")


def world() -> tuple[Objects, Driven]:
    objects = fresh_objects(Clock())
    objects.types.add(DRILLS)
    return objects, Driven(objects, NamespaceController(objects))


def let_go(value: Json) -> None:
    value["metadata"]["finalizers"] = []


def test_everything_goes_and_then_the_namespace() -> None:
    objects, driven = world()
    objects.create(NAMESPACES, named(NAMESPACES, "other", None))
    objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "kept", "other"))
    for number in range(120):  # more than are deleted at a time
        objects.create(CONFIG_MAPS, named(CONFIG_MAPS, f"c{number}"))
    objects.create(DRILLS, named(DRILLS, "d"))
    objects.create(SECRETS, named(SECRETS, "s"))
    objects.delete(NAMESPACES, None, "shop")
    driven.settle()
    assert objects.find(NAMESPACES, None, "shop") is None
    assert [objects.select(one, "shop") for one in (CONFIG_MAPS, DRILLS, SECRETS, EVENTS)] == [[], [], [], []]
    assert objects.find(CONFIG_MAPS, "other", "kept") is not None


def test_a_namespace_says_what_it_waits_for() -> None:
    objects, driven = world()
    objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "held", finalizers=["example.org/hold"]))
    objects.create(DRILLS, named(DRILLS, "d", finalizers=["example.org/hold"]))
    objects.delete(NAMESPACES, None, "shop")
    driven.settle()
    status = objects.get(NAMESPACES, None, "shop")["status"]
    assert status["phase"] == "Terminating"
    assert {one["type"]: (one["status"], one["message"]) for one in status["conditions"]} == {
        "NamespaceDeletionDiscoveryFailure": ("False", "All resources successfully discovered"),
        "NamespaceDeletionGroupVersionParsingFailure": ("False", "All legacy kube types successfully parsed"),
        "NamespaceDeletionContentFailure": (
            "False",
            "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": (
            "True",
            "Some resources are remaining: configmaps. has 1 resource instances, "
            "drills.example.org has 1 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "Some content in the namespace has finalizers remaining: example.org/hold in 2 resource instances",
        ),
    }


def test_a_namespace_goes_once_the_last_finalizer_has_gone() -> None:
    objects, driven = world()
    objects.create(DRILLS, named(DRILLS, "d", finalizers=["example.org/hold"]))
    objects.delete(NAMESPACES, None, "shop")
    driven.settle()
    objects.change(DRILLS, "shop", "d", let_go)
    driven.settle()
    assert objects.find(NAMESPACES, None, "shop") is None


def test_a_deletion_that_was_under_way_goes_on_after_a_restart() -> None:
    objects = fresh_objects(Clock())
    objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "c"))
    objects.delete(NAMESPACES, None, "shop")
    Driven(objects, NamespaceController(objects)).settle()
    assert objects.find(NAMESPACES, None, "shop") is None
