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


def pod(name: str, phase: str) -> dict[str, object]:
    return {"metadata": {"name": name, "uid": name}, "status": {"phase": phase}}


def test_the_logs_of_all_running_pods_are_read_and_of_no_other(api: Api, server: FakeApiServer) -> None:
    server.has(PODS, pod("a", "Running"), pod("b", "Pending"), pod("c", "Running"))
    server.gives("GET", f"{PODS}/a/log", Answer(200, "one\n"))
    server.gives("GET", f"{PODS}/c/log", Answer(200, "two"))
    assert KubernetesProvider(api, DEPLOYMENT).log(12.3).split() == ["one", "two"]
    assert [request.query for request in server.asked("GET")[1:]] == [{"container": "flow", "sinceSeconds": "13"}] * 2


def test_a_log_that_is_refused_is_an_error_and_no_empty_log(api: Api, server: FakeApiServer) -> None:
    server.has(PODS, pod("a", "Running"))
    with pytest.raises(ClusterError, match="not found"):
        KubernetesProvider(api, DEPLOYMENT).log(12.3)


def test_a_provider_that_is_not_there_is_answered_with_the_drills_key(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", "/api/v1/namespaces/demo", Answer(200))
    server.has(ALL, {"metadata": {"name": "flowdrill-provider"}})
    server.has(ALL.replace("deployments", "statefulsets"))
    target = Target(namespace="demo", workload="deployment/flowdril-provider")
    with pytest.raises(ClusterError, match="did you mean deployment/flowdrill-provider") as missing:
        find_target(api, target, "lab", key="provider")
    assert missing.value.remedy == "correct provider.workload in the drill"
