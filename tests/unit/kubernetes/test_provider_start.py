"""A model provider that the drill starts: its Deployment, and a Service that must be meant for it alone."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.provider import KubernetesProvider, find_provider
from flowdrill.edges.kubernetes.provider_manifest import held_up_by
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import ProviderPlan, Target
from flowdrill.model.scenario import ProviderChange, ProviderMode
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import workload

SPACE = "/api/v1/namespaces/demo"
ALL = "/apis/apps/v1/namespaces/demo/deployments"
ONE = f"{ALL}/model"
RUN = "20260101T000000Z-provider-down-abc123"
DOWN = ProviderChange(mode=ProviderMode.SERVER_ERROR)
PLAN = ProviderPlan(workload="deployment/model")
TARGET = Target(namespace="demo", workload="deployment/app", container="flow")


def service(selector: dict[str, str] | None = None, **port: Any) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": "http", "protocol": "TCP"} | port]
    selector = {"app": "model"} if selector is None else selector
    return {"metadata": {"name": "model"}, "spec": {"selector": selector, "ports": ports}}


def app(**pod: Any) -> dict[str, Any]:
    found = workload()
    found["spec"]["template"]["metadata"] = {"labels": {"app": "app", "tier": "web"}}
    found["spec"]["template"]["spec"] |= pod
    return found


def made(run_id: str = RUN) -> dict[str, Any]:
    found = workload(observedGeneration=3, replicas=1, updatedReplicas=1, readyReplicas=1)
    found["metadata"] |= {"name": "model", "uid": "uid-model", "annotations": {"flowdrill.dev/run": run_id}}
    found["spec"]["replicas"] = 1
    return found


@pytest.fixture
def provider(api: Api, server: FakeApiServer) -> KubernetesProvider:
    """One that is not there, in a namespace that has a Service for it."""
    server.gives("GET", f"{SPACE}/services/model", Answer(200, service()))
    server.gives("GET", f"{ALL}/app", Answer(200, app()))
    server.has(f"{SPACE}/pods")
    server.gives("POST", ALL, Answer(201, made()))
    return find_provider(api, PLAN, TARGET, "lab")


def posted(server: FakeApiServer) -> dict[str, Any]:
    body = server.asked("POST")[-1].body
    assert body is not None
    return body


def refused(provider: KubernetesProvider, server: FakeApiServer, said: str) -> ClusterError:
    with pytest.raises(ClusterError, match=said) as error:
        provider.start("img:1", RUN, dry_run=True)
    assert server.asked("POST") == []
    return error.value


def test_a_dry_run_is_one_and_leaves_it_to_be_started(provider: KubernetesProvider, server: FakeApiServer) -> None:
    assert not provider.stands()
    provider.start("img:1", RUN, dry_run=True)
    assert server.asked("POST")[0].query["dryRun"] == "All"
    assert not provider.stands()
    release = provider.release(DOWN)
    provider.start("img:1", RUN)
    assert "dryRun" not in server.asked("POST")[1].query
    server.gives("GET", ONE, Answer(200, made()))
    assert provider.stands()
    assert list(release.broken_beside) == ["deployment/model"]
    assert release.stable_beside == {}


def test_it_is_one_small_pod_that_its_service_chooses_and_that_tells_its_run(
    provider: KubernetesProvider, server: FakeApiServer
) -> None:
    provider.start("img:1", RUN)
    body = posted(server)
    assert body["metadata"]["annotations"] == {"flowdrill.dev/run": RUN}
    assert body["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "flowdrill", "flowdrill.dev/run": RUN}
    template = body["spec"]["template"]
    assert template["metadata"]["labels"] == body["metadata"]["labels"] | {"app": "model"}
    assert body["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    pod, (container,) = template["spec"], template["spec"]["containers"]
    assert (body["spec"]["replicas"], container["image"]) == (1, "img:1")
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert {"name": "PROVIDER_MODE", "value": "ok"} in container["env"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": 8000}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_it_runs_where_and_as_whom_the_target_may_and_takes_nothing_else_from_it(
    provider: KubernetesProvider, server: FakeApiServer
) -> None:
    same = {
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    target = app(**same, volumes=[{"name": "flows"}], hostNetwork=True)
    context = {"runAsUser": 1000, "privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}}
    target["spec"]["template"]["spec"]["containers"][1] |= {"securityContext": context, "envFrom": [{}]}
    server.gives("GET", f"{ALL}/app", Answer(200, target))
    provider.start("img:1", RUN)
    pod = posted(server)["spec"]["template"]["spec"]
    assert same.items() <= pod.items()
    assert not {"volumes", "hostNetwork"} & pod.keys()
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsUser": 1000,
    }  # fmt: skip
    assert "envFrom" not in pod["containers"][0]


def test_a_port_that_the_service_wants_by_number_is_listened_on(
    provider: KubernetesProvider, server: FakeApiServer
) -> None:
    server.gives("GET", f"{SPACE}/services/model", Answer(200, service(targetPort=9001)))
    provider.start("img:1", RUN)
    (container,) = posted(server)["spec"]["template"]["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == 9001
    assert {"name": "PROVIDER_PORT", "value": "9001"} in container["env"]


def test_a_run_with_a_long_name_still_has_a_label(provider: KubernetesProvider, server: FakeApiServer) -> None:
    provider.start("img:1", f"20260101T000000Z-{'a' * 40}-{'b' * 38}-abc123")
    (label,) = posted(server)["spec"]["selector"]["matchLabels"].values()
    assert len(label) <= 63
    assert label.endswith("-abc123")
    assert label[0].isalnum()


def test_a_service_that_is_not_there_is_told_with_what_there_is_and_how_to_make_it(
    api: Api, server: FakeApiServer
) -> None:
    server.has(f"{SPACE}/services", {"metadata": {"name": "modell"}})
    plan = ProviderPlan(workload="deployment/stand-in", service="model")
    error = refused(find_provider(api, plan, TARGET, "lab"), server, "has no deployment/stand-in, and no service/model")
    assert "its Services: modell" in error.problem
    assert "`kubectl -n demo create service clusterip model --tcp=8000:8000`" in error.remedy


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (service({}), "service/model has no selector"),
        (service({"tier": "web"}), "chooses the pods of deployment/app"),
        (service({"app": "app", "part": "model"}), "users would be sent to the model provider"),
        (service(targetPort=80), "listen on port 80, which may need root"),
        (service(protocol="UDP"), "has 1 ports"),
    ],
)
def test_a_service_that_is_not_meant_for_it_alone_is_refused(
    provider: KubernetesProvider, server: FakeApiServer, found: dict[str, Any], said: str
) -> None:
    server.gives("GET", f"{SPACE}/services/model", Answer(200, found))
    refused(provider, server, said)


def test_a_service_that_has_pods_is_refused_unless_they_end(
    provider: KubernetesProvider, server: FakeApiServer
) -> None:
    ending = {"metadata": {"name": "gone", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    server.has(f"{SPACE}/pods", ending)
    provider.start("img:1", RUN, dry_run=True)
    server.requests.clear()
    server.has(f"{SPACE}/pods", ending, {"metadata": {"name": "theirs-1"}})
    assert "gone" not in refused(provider, server, "has pods already: theirs-1").problem


def test_a_missing_permission_is_told_as_one(provider: KubernetesProvider, server: FakeApiServer) -> None:
    message = 'deployments.apps is forbidden: User "me" cannot create resource "deployments" in API group "apps"'
    server.gives("POST", ALL, Answer(403, {"message": f'{message} in the namespace "demo"'}))
    with pytest.raises(ForbiddenError, match=r"me must not create deployments\.apps in namespace demo"):
        provider.start("img:1", RUN, dry_run=True)


@pytest.mark.parametrize("status", [0, 409])
def test_a_lost_answer_does_not_make_two_of_it(
    provider: KubernetesProvider, server: FakeApiServer, status: int
) -> None:
    server.gives("POST", ALL, Answer(status))
    server.gives("GET", ONE, Answer(200, made()))
    provider.start("img:1", RUN)
    assert provider.stands()


def test_one_that_somebody_else_has_made_meanwhile_is_not_taken_for_ones_own(
    provider: KubernetesProvider, server: FakeApiServer
) -> None:
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, made("theirs")))
    with pytest.raises(ClusterError, match="somebody else has made deployment/model"):
        provider.start("img:1", RUN)
    assert provider.remove(RUN) is None
    assert server.asked("DELETE") == []


def test_exactly_what_was_made_is_deleted_and_waited_for(provider: KubernetesProvider, server: FakeApiServer) -> None:
    provider.start("img:1", RUN)
    server.gives("GET", ONE, Answer(200, made()), Answer(404))
    server.gives("DELETE", ONE, Answer(200))
    assert provider.remove(RUN) == "deployment/model is still there"
    (request,) = server.asked("DELETE")
    assert request.body is not None
    assert request.body["preconditions"] == {"uid": "uid-model"}
    server.has(f"{SPACE}/pods", {"metadata": {"name": "model-1"}})
    assert provider.remove(RUN) == "1 pods of deployment/model still end"
    assert server.requests[-1].query == {"labelSelector": f"flowdrill.dev/run={RUN}"}
    server.has(f"{SPACE}/pods")
    assert provider.remove(RUN) is None


def test_one_of_another_run_is_refused_with_what_to_do(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, made("run-0")))
    with pytest.raises(ClusterError, match="was started by run run-0") as error:
        find_provider(api, PLAN, TARGET, "lab")
    assert "lease/flowdrill-deployment-app" in error.value.remedy
    assert "kubectl -n demo delete deployment/model" in error.value.remedy


def test_one_that_is_there_is_used_as_it_is(api: Api, server: FakeApiServer) -> None:
    standing = made()
    del standing["metadata"]["annotations"], standing["spec"]["template"]["spec"]["containers"][0]
    server.gives("GET", ONE, Answer(200, standing))
    found = find_provider(api, PLAN, TARGET, "lab")
    assert found.stands()
    assert found.remove(RUN) is None
    assert server.asked("DELETE") == []


def test_a_stateful_set_that_is_not_there_is_not_started(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", SPACE, Answer(200))
    server.has(ALL)
    server.has(ALL.replace("deployments", "statefulsets"))
    with pytest.raises(ClusterError, match="has no statefulset/model"):
        find_provider(api, ProviderPlan(workload="statefulset/model"), TARGET, "lab")


def test_what_keeps_it_from_being_ready_is_told() -> None:
    status = {"conditions": [{"type": "ReplicaFailure", "message": "exceeded quota"}]}
    unscheduled = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node has room"}]}
    waiting = {"reason": "CreateContainerError", "message": "python3: not found\x1b[31m"}
    pods = [{"status": unscheduled}, {"status": {"containerStatuses": [{"state": {"waiting": waiting}}]}}]
    told = held_up_by({"status": status}, pods)
    assert told == " (exceeded quota; no node has room; CreateContainerError: python3: not found [31m)"
    assert held_up_by({}, [{}]) == ""
