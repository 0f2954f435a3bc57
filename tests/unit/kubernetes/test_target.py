from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.target import find_target
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import Target
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import workload

APPS = "/apis/apps/v1/namespaces/demo"
DENIED = Answer(403, {"message": 'User "ann" cannot get resource "namespaces" in API group "" at the cluster scope'})


def target(workload_: str = "statefulset/app", container: str | None = "flow") -> Target:
    return Target(namespace="demo", workload=workload_, container=container)


def test_a_target_is_found_with_its_paths_and_its_selector(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{APPS}/statefulsets/app", Answer(200, workload()))
    found = find_target(api, target(), "lab")
    assert (found.kind, found.uid, found.container, found.label) == (
        WorkloadKind.STATEFULSET, "uid-app", "flow", "statefulset/app",
    )  # fmt: skip
    assert found.selector == (("labelSelector", "app=app"),)
    assert found.path == f"{APPS}/statefulsets/app"
    assert found.revisions == f"{APPS}/controllerrevisions"


def test_several_containers_need_a_name(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{APPS}/statefulsets/app", Answer(200, workload()))
    with pytest.raises(PlanError, match="several containers: proxy, flow"):
        find_target(api, target(container=None), "lab")
    with pytest.raises(ClusterError, match="no container 'flo'; it has: proxy, flow"):
        find_target(api, target(container="flo"), "lab")


def test_a_partition_that_keeps_pods_on_the_old_image_is_refused(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    server.gives("GET", f"{APPS}/statefulsets/app", Answer(200, item))
    with pytest.raises(ClusterError, match="only its pods from ordinal 2 on"):
        find_target(api, target(), "lab")


def test_the_same_name_of_the_other_kind_is_suggested_first(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", "/api/v1/namespaces/demo", DENIED)
    server.has(f"{APPS}/statefulsets")
    server.has(f"{APPS}/deployments", workload())
    with pytest.raises(ClusterError, match=r"no statefulset/app; did you mean deployment/app\?"):
        find_target(api, target(), "lab")


def test_a_namespace_that_may_not_be_read_is_not_said_to_be_missing(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", "/api/v1/namespaces/demo", DENIED)
    for kind in WorkloadKind:
        server.gives("GET", f"{APPS}/{kind}s", DENIED)
    with pytest.raises(ClusterError, match="no statefulset/app; it has: none"):
        find_target(api, target(), "lab")


def test_a_missing_namespace_is_said(api: Api, server: FakeApiServer) -> None:
    with pytest.raises(ClusterError, match="context 'lab' has no namespace 'demo'"):
        find_target(api, target(), "lab")
