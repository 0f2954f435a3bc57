"""The model provider on a cluster, as far as only an API server that misbehaves can show it."""

from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.provider import KubernetesProvider
from flowdrill.edges.kubernetes.target import find_target
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT

PODS = "/api/v1/namespaces/demo/pods"
ALL = "/apis/apps/v1/namespaces/demo/deployments"


def pod(name: str, phase: str, *, ending: bool = False) -> dict[str, object]:
    deleted = {"deletionTimestamp": "2026-03-01T12:00:00Z"} if ending else {}
    return {"metadata": {"name": name, "uid": name, **deleted}, "status": {"phase": phase}}


def test_the_logs_of_all_pods_that_may_have_served_are_read_and_of_no_other(api: Api, server: FakeApiServer) -> None:
    phases = {"a": "Running", "b": "Pending", "evicted-long-ago": "Failed"}
    server.has(PODS, pod("c", "Succeeded", ending=True), *(pod(name, phase) for name, phase in phases.items()))
    server.gives("GET", f"{PODS}/a/log", Answer(200, "one\n"))
    server.gives("GET", f"{PODS}/c/log", Answer(200, "two"))
    log = KubernetesProvider(api, DEPLOYMENT).log(12.3)
    assert (log.text.split(), log.unread) == (["one", "two"], ())
    assert [request.query for request in server.asked("GET")[1:]] == [{"container": "flow", "sinceSeconds": "13"}] * 2


def test_a_log_that_is_refused_is_an_error_and_no_empty_log(api: Api, server: FakeApiServer) -> None:
    server.has(PODS, pod("a", "Running"))
    with pytest.raises(ClusterError, match="not found"):
        KubernetesProvider(api, DEPLOYMENT).log(12.3)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(400, {"message": 'container "flow" in pod "b" is terminated'}), "is terminated"),
        (Answer(400, {"message": 'container "flow" in pod "b" is waiting to start'}), "is waiting to start"),
        (Answer(404, {"message": 'pods "b" not found'}), "not found"),
        (Answer(500, {"message": "dial tcp 10.0.0.1:10250: connect: connection refused"}), "connection refused"),
        (Answer(502, "Bad Gateway"), "Bad Gateway"),
        (Answer(200, "unable to retrieve container logs for containerd://36931eab"), "unable to retrieve"),
        (Answer(0), "cannot be reached"),
    ],
)
def test_a_pod_that_ends_between_the_list_and_its_log_is_named_and_the_others_are_read(
    api: Api, server: FakeApiServer, answer: Answer, why: str
) -> None:
    server.has(PODS, pod("b", "Running", ending=True), pod("a", "Running"))
    server.gives("GET", f"{PODS}/a/log", Answer(200, "one\n"))
    server.gives("GET", f"{PODS}/b/log", answer)
    log = KubernetesProvider(api, DEPLOYMENT).log(12.3)
    assert log.text == "one\n"
    (unread,) = log.unread
    assert unread.startswith("b (")
    assert why in unread


def test_a_provider_without_a_pod_has_no_log_instead_of_an_empty_one(api: Api, server: FakeApiServer) -> None:
    server.has(PODS, pod("a", "Pending"))
    with pytest.raises(ClusterError, match="no pod of deployment/app runs"):
        KubernetesProvider(api, DEPLOYMENT).log(12.3)


def test_pods_beyond_the_tenth_are_named_and_those_that_stay_come_first(api: Api, server: FakeApiServer) -> None:
    names = [f"p{number:02}" for number in range(11)]
    server.has(PODS, *(pod(name, "Running", ending=name == "p00") for name in names))
    for name in names:
        server.gives("GET", f"{PODS}/{name}/log", Answer(200, f"{name}\n"))
    log = KubernetesProvider(api, DEPLOYMENT).log(12.3)
    assert log.text.split() == names[1:]
    assert log.unread == ("p00 (beyond the 10 pods that are read)",)


def test_a_provider_that_is_not_there_is_answered_with_the_drills_key(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", "/api/v1/namespaces/demo", Answer(200))
    server.has(ALL, {"metadata": {"name": "flowdrill-provider"}})
    server.has(ALL.replace("deployments", "statefulsets"))
    target = Target(namespace="demo", workload="deployment/flowdril-provider")
    with pytest.raises(ClusterError, match="did you mean deployment/flowdrill-provider") as missing:
        find_target(api, target, "lab", key="provider")
    assert missing.value.remedy == "correct provider.workload in the drill"
