from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.workload_search import list_langflow_workloads, taken_containers
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DIGEST, pod

Json = dict[str, Any]
NAMESPACE = "/api/v1/namespaces/demo"


def workload(name: str, *containers: Json, labels: Json | None = None) -> Json:
    meta = {"name": name, "namespace": "demo", "uid": f"uid-{name}", "labels": labels or {}}
    template = {"spec": {"containers": list(containers)}}
    return {"metadata": meta, "spec": {"selector": {"matchLabels": {"app": name}}, "template": template}}


@pytest.mark.parametrize(
    ("container", "because"),
    [
        ({"image": "langflowai/langflow:1.3.0"}, "image langflowai/langflow:1.3.0"),
        ({"image": "r.example:5000/team/lfx-runtime@sha256:0"}, "image r.example:5000/team/lfx-runtime@sha256:0"),
        ({"image": "a:1", "command": ["sh", "-c", "exec langflow  run --host 0"]}, "command langflow run"),
        ({"image": "a:1", "command": ["lfx"], "args": ["serve", "x.json"]}, "command lfx serve"),
        ({"image": "a:1", "env": [{"name": "LANGFLOW_LOG_LEVEL"}]}, "env LANGFLOW_LOG_LEVEL"),
        ({"image": "a:1", "ports": [{"containerPort": 7860}]}, "port 7860"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_langflow_is_known_by_what_it_is_run_from_and_with(container: Json, because: str) -> None:
    ((name, _, reasons),) = taken_containers(
        workload("a", {"name": "x", "image": "proxy:1"}, {"name": "y", **container})
    )
    assert (name, reasons) == ("y", (because,))


@pytest.mark.parametrize(
    "container",
    [
        {"image": "langflow.example/shop:1"},
        {"image": "lfx.example:5000/shop:1", "command": ["serve-lfx"], "env": [{"name": "MY_LANGFLOW_URL"}]},
        {"image": None, "command": "langflow run", "env": 3, "ports": [7860]},
    ],
    ids=str,
)
def test_what_only_speaks_of_langflow_is_not_it(container: Json) -> None:
    assert taken_containers(workload("a", {"name": "x", **container})) == ()


def test_a_label_takes_a_workload_in_or_leaves_it_out() -> None:
    plain, langflow = {"name": "x", "image": "shop:1"}, {"name": "y", "image": "langflow:1"}
    wanted, unwanted = {"flowdrill.dev/audit": "true"}, {"flowdrill.dev/audit": "false"}
    assert [one[0] for one in taken_containers(workload("a", plain, labels=wanted))] == ["x"]
    assert [one[0] for one in taken_containers(workload("a", plain, langflow, labels=wanted))] == ["y"]
    assert taken_containers(workload("a", langflow, labels=unwanted)) == ()


def test_every_workload_of_a_cluster_is_found_on_every_page(api: Api, server: FakeApiServer) -> None:
    langflow = {"name": "flow", "image": "langflow:1"}
    first = {"metadata": {"continue": "more"}, "items": [workload("b", langflow), workload("other", {"name": "o"})]}
    last = {"items": [workload("a", langflow)]}
    server.gives("GET", "/apis/apps/v1/deployments", Answer(200, first), Answer(200, last))
    server.has("/apis/apps/v1/statefulsets", workload("a", langflow))
    mine, foreign = pod("p", "uid-a"), pod("q", "uid-else")
    of_a_set = pod("r", "uid-rs")
    of_a_set["metadata"] |= {
        "labels": {"pod-template-hash": "5f"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "b-5f", "uid": "uid-rs", "controller": True}],
    }
    server.has(f"{NAMESPACE}/pods", mine, foreign, of_a_set)
    found = list_langflow_workloads(api, None)
    assert [(one.label, one.digests) for one in found] == [
        ("deployment/a", ()),
        ("statefulset/a", (DIGEST,)),
        ("deployment/b", (DIGEST,)),
    ]
    assert found[1].target().model_dump() == {"namespace": "demo", "workload": "statefulset/a", "container": "flow"}
    assert found[2].kind is WorkloadKind.DEPLOYMENT
    asked = [request.query["labelSelector"] for request in server.requests if request.path.endswith("/pods")]
    assert sorted(asked) == ["app=a", "app=a", "app=b"]


def test_pods_that_may_not_be_read_leave_the_digests_unknown(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", NAMESPACE, Answer(200))
    server.has("/apis/apps/v1/namespaces/demo/deployments", workload("a", {"name": "flow", "image": "langflow:1"}))
    server.has("/apis/apps/v1/namespaces/demo/statefulsets")
    message = 'User "ann" cannot list resource "pods" in API group "" in the namespace "demo"'
    server.gives("GET", f"{NAMESPACE}/pods", Answer(403, {"message": message}))
    (found,) = list_langflow_workloads(api, "demo")
    assert found.digests is None


def test_a_namespace_that_is_not_there_is_an_error(api: Api, server: FakeApiServer) -> None:
    for name in ("demo", "../secrets"):
        with pytest.raises(ClusterError, match="has no namespace"):
            list_langflow_workloads(api, name)


def test_whoever_may_not_list_workloads_is_told_what_is_missing(api: Api, server: FakeApiServer) -> None:
    message = 'User "ann" cannot list resource "deployments" in API group "apps" at the cluster scope'
    server.gives("GET", "/apis/apps/v1/deployments", Answer(403, {"message": message}))
    with pytest.raises(ForbiddenError, match=r"ann must not list deployments\.apps"):
        list_langflow_workloads(api, None)
