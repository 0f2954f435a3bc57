"""What is behind a Service is written down twice: in Endpoints and in EndpointSlices."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, Json
from flowdrill.cluster.controllers.endpoint_slices import EndpointSliceController
from flowdrill.cluster.controllers.endpoints import EndpointsController
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named


class World:
    """Services and pods of the namespace `shop`, with both controllers."""

    def __init__(self) -> None:
        self.objects: Objects = fresh_objects(Clock())
        self.driven = Driven(self.objects, EndpointsController(self.objects), EndpointSliceController(self.objects))

    def service(self, **spec: Any) -> Json:
        ports = spec.pop("ports", [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}])
        labels = spec.pop("labels", {"team": "x"})
        spec = {"selector": {"app": "flow"}, "ports": ports} | spec
        made = self.objects.create(SERVICES, named(SERVICES, "flow", labels=labels, spec=spec))
        self.driven.settle()
        return made

    def pod(self, name: str, address: str | None, *, ready: bool = True, port: int = 8080, **spec: Any) -> None:
        ports = [{"name": "web", "containerPort": port, "protocol": "TCP"}]
        container = {"name": "c", "image": "i", "ports": ports}
        spec = {"nodeName": "node", "containers": [container], **spec}
        self.objects.create(PODS, named(PODS, name, labels={"app": "flow"}, spec=spec))
        condition = {"type": "Ready", "status": str(ready)}
        self.status(name, {"phase": "Running", "conditions": [condition]} | ({"podIP": address} if address else {}))

    def status(self, name: str, status: Json) -> None:
        self.objects.change(PODS, "shop", name, lambda pod: pod.update(status=status), part=Part.STATUS)
        self.driven.settle()

    def terminate(self, name: str) -> None:
        self.objects.delete(PODS, "shop", name)
        self.driven.settle()

    @property
    def subsets(self) -> list[Json]:
        return self.objects.get(ENDPOINTS, "shop", "flow").get("subsets") or []

    @property
    def slices(self) -> list[Json]:
        return self.objects.select(ENDPOINT_SLICES, "shop")

    def conditions(self) -> dict[str, str]:
        """By pod: the conditions that hold."""
        return {
            one["targetRef"]["name"]: " ".join(name for name, holds in one["conditions"].items() if holds)
            for piece in self.slices
            for one in piece["endpoints"]
        }


@pytest.fixture
def world() -> World:
    return World()


def test_ready_and_unready_pods_are_told_apart(world: World) -> None:
    world.service()
    world.pod("b", "127.231.64.2")
    world.pod("a", "127.231.64.3", ready=False)
    (subset,) = world.subsets
    uid = world.objects.get(PODS, "shop", "b")["metadata"]["uid"]
    target = {"kind": "Pod", "namespace": "shop", "name": "b", "uid": uid}
    assert subset["addresses"] == [{"ip": "127.231.64.2", "nodeName": "node", "targetRef": target}]
    assert [one["ip"] for one in subset["notReadyAddresses"]] == ["127.231.64.3"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert world.conditions() == {"b": "ready serving", "a": ""}


def test_a_slice_says_whose_it_is(world: World) -> None:
    service = world.service()
    (piece,) = world.slices
    assert piece["metadata"]["name"].startswith("flow-")
    assert piece["metadata"]["labels"] == {
        "team": "x",
        "kubernetes.io/service-name": "flow",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    owner = {"apiVersion": "v1", "kind": "Service", "name": "flow", "uid": service["metadata"]["uid"]}
    assert piece["metadata"]["ownerReferences"] == [owner | {"controller": True, "blockOwnerDeletion": True}]
    assert (piece["addressType"], piece["ports"], piece["endpoints"]) == ("IPv4", [], [])
    assert world.subsets == []


def test_a_slice_gives_ports_and_nodes(world: World) -> None:
    world.service(ports=[{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP", "appProtocol": "http"}])
    world.pod("a", "127.231.64.2")
    (piece,) = world.slices
    assert piece["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP", "appProtocol": "http"}]
    (endpoint,) = piece["endpoints"]
    assert (endpoint["addresses"], endpoint["nodeName"]) == (["127.231.64.2"], "node")
    assert endpoint["targetRef"]["name"] == "a"


def test_a_terminating_pod_gets_no_new_connections_but_is_still_known(world: World) -> None:
    world.service()
    world.pod("a", "127.231.64.2")
    world.terminate("a")
    assert world.subsets == []
    assert world.conditions() == {"a": "serving terminating"}
    world.objects.delete(PODS, "shop", "a", DeleteOptions(grace_seconds=0))
    world.driven.settle()
    assert world.conditions() == {}


def test_pods_without_an_address_or_that_have_ended_are_not_behind_a_service(world: World) -> None:
    world.service()
    world.pod("starting", None)
    world.pod("over", "127.231.64.2")
    world.status("over", {"phase": "Failed", "podIP": "127.231.64.2"})
    assert world.subsets == []
    assert world.conditions() == {}


def test_addresses_that_are_not_ready_are_published_when_asked(world: World) -> None:
    world.service(clusterIP="None", publishNotReadyAddresses=True)
    world.pod("a", "127.231.64.2", ready=False, hostname="first", subdomain="flow")
    world.terminate("a")
    (subset,) = world.subsets
    assert subset["addresses"][0]["hostname"] == "first"
    assert world.conditions() == {"a": "ready terminating"}
    assert "service.kubernetes.io/headless" in world.objects.get(ENDPOINTS, "shop", "flow")["metadata"]["labels"]
    assert "service.kubernetes.io/headless" in world.slices[0]["metadata"]["labels"]


def test_pods_that_give_a_port_another_number_are_grouped_apart(world: World) -> None:
    world.service()
    world.pod("old", "127.231.64.2", port=8080)
    world.pod("new", "127.231.64.3", port=9090)
    assert [(one["addresses"][0]["ip"], one["ports"][0]["port"]) for one in world.subsets] == [
        ("127.231.64.2", 8080),
        ("127.231.64.3", 9090),
    ]
    assert sorted(piece["ports"][0]["port"] for piece in world.slices) == [8080, 9090]
    world.terminate("new")
    world.objects.delete(PODS, "shop", "new", DeleteOptions(grace_seconds=0))
    world.driven.settle()
    assert len(world.slices) == 1


def test_a_port_that_no_container_names_leads_nowhere(world: World) -> None:
    world.service(ports=[{"name": "http", "port": 80, "targetPort": "admin", "protocol": "TCP"}])
    world.pod("a", "127.231.64.2")
    assert world.subsets == []


def test_a_slice_holds_a_hundred_endpoints_at_most(world: World) -> None:
    for number in range(150):
        world.pod(f"p{number:03}", f"127.231.64.{number + 1}")
    world.service()
    assert sorted(len(piece["endpoints"]) for piece in world.slices) == [50, 100]
    assert len(world.subsets[0]["addresses"]) == 150


def test_a_service_without_a_selector_is_left_to_whoever_writes_its_endpoints(world: World) -> None:
    world.service(selector=None)
    assert world.objects.find(ENDPOINTS, "shop", "flow") is None
    assert world.slices == []


def test_a_service_that_is_only_another_name_has_no_endpoints(world: World) -> None:
    world.pod("a", "127.231.64.2")
    world.service(type="ExternalName", externalName="example.org")
    assert world.objects.find(ENDPOINTS, "shop", "flow") is None
    assert world.slices == []


def test_a_headless_service_without_ports_has_addresses_without_ports(world: World) -> None:
    world.pod("a", "127.231.64.2")
    world.service(clusterIP="None", ports=[])
    (subset,) = world.subsets
    assert (subset["addresses"][0]["ip"], "ports" in subset) == ("127.231.64.2", False)


def test_a_pod_has_those_of_several_ports_that_it_names(world: World) -> None:
    http = {"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}
    world.service(ports=[http, {"name": "admin", "port": 81, "targetPort": "admin", "protocol": "TCP"}])
    world.pod("a", "127.231.64.2")
    assert [one["name"] for one in world.subsets[0]["ports"]] == ["http"]


@pytest.mark.parametrize("odd", [{}, {"type": "Ready"}, {"status": "True"}])
def test_a_pod_with_odd_conditions_keeps_nobody_else_from_a_service(world: World, odd: Json) -> None:
    world.service()
    world.pod("odd", "127.231.64.2")
    world.status("odd", {"phase": "Running", "podIP": "127.231.64.2", "conditions": [odd]})
    world.pod("a", "127.231.64.3")
    assert world.conditions() == {"a": "ready serving", "odd": ""}


def test_endpoints_go_with_their_service(world: World) -> None:
    world.service()
    world.objects.delete(SERVICES, "shop", "flow")
    world.driven.settle()
    assert world.objects.find(ENDPOINTS, "shop", "flow") is None


def test_endpoints_without_a_service_are_nobodys_business(world: World) -> None:
    world.objects.create(ENDPOINTS, named(ENDPOINTS, "lock"))
    world.driven.settle()
    assert world.objects.find(ENDPOINTS, "shop", "lock") is not None


def test_what_somebody_deleted_comes_back(world: World) -> None:
    world.service()
    world.objects.delete(ENDPOINTS, "shop", "flow")
    world.objects.delete(ENDPOINT_SLICES, "shop", world.slices[0]["metadata"]["name"])
    world.driven.settle()
    assert world.objects.find(ENDPOINTS, "shop", "flow") is not None
    assert len(world.slices) == 1


def test_nothing_is_written_when_nothing_changes(world: World) -> None:
    world.service()
    world.pod("a", "127.231.64.2")
    before = world.objects.store.revision
    world.objects.change(PODS, "shop", "a", lambda pod: pod["metadata"]["labels"].update(note="x"))
    world.driven.settle()
    assert world.objects.store.revision == before + 1
