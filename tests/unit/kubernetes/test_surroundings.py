from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.surroundings import surroundings_of
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.surroundings import Surroundings
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, DIGEST, STATEFULSET, owned, replica_set, template, workload

Json = dict[str, Any]
APPS, CORE = "/apis/apps/v1/namespaces/demo", "/api/v1/namespaces/demo"
SECRET = '{"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}}'


def serve(server: FakeApiServer, item: Json, target: FoundTarget = DEPLOYMENT, *revisions: Json) -> None:
    """A cluster that has nothing but the workload, a node, and the default service account."""
    server.gives("GET", target.path, Answer(200, item))
    server.has(target.revisions, *revisions)
    server.has(f"{CORE}/resourcequotas")
    server.gives("GET", f"{CORE}/serviceaccounts/default", Answer(200, {"metadata": {"name": "default"}}))
    server.has("/api/v1/nodes", node())


def node(machine: str = "amd64", *images: str, **more: Any) -> Json:
    info = {"operatingSystem": "linux", "architecture": machine}
    labels = {"kubernetes.io/arch": machine, "kubernetes.io/os": "linux"}
    status = {"nodeInfo": info, "images": [{"names": list(images), "sizeBytes": 1}]}
    return {"metadata": {"name": machine, "labels": labels}, "status": status, "spec": more}


def look(api: Api, server: FakeApiServer, item: Json, *revisions: Json) -> Surroundings:
    serve(server, item, DEPLOYMENT, *revisions)
    return surroundings_of(api, DEPLOYMENT)


def secret(kind: str = "kubernetes.io/dockerconfigjson", **data: str) -> Answer:
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return Answer(200, {"metadata": {"name": "regcred"}, "type": kind, "data": encoded})


def controller_revision(name: str, number: int, image: str) -> Json:
    meta = {"name": name, "uid": f"uid-{name}", "ownerReferences": owned("uid-app")}
    return {
        "metadata": meta,
        "revision": number,
        "data": {"spec": {"template": {"$patch": "replace", **template(image)}}},
    }


def test_a_cluster_without_anything_beside_has_no_opponent(api: Api, server: FakeApiServer) -> None:
    seen = look(api, server, workload())
    assert (seen.opponents, seen.unknown, seen.pull_secrets) == ((), (), ())
    assert (seen.revision_limit, seen.node_platforms, seen.cached_digests) == (10, ("linux/amd64",), frozenset())
    assert len(server.requests) <= 12, "one look is a few requests"


def test_the_revisions_of_a_deployment_come_newest_first(api: Api, server: FakeApiServer) -> None:
    older, now = replica_set("app-1", "flow:0"), replica_set("app-2", revision="12", replicas=2)
    older["spec"]["template"]["spec"]["containers"][1]["env"] = [{"name": "LANGFLOW_AUTO_LOGIN", "value": "true"}]
    now["spec"]["template"]["metadata"] = {"labels": {"pod-template-hash": "2"}}
    now["metadata"] |= {"creationTimestamp": "2026-01-02T03:04:05Z"}
    now["metadata"]["annotations"]["kubernetes.io/change-cause"] = "release 12 api_key=hunter2"
    foreign = replica_set("foreign", revision="13") | {"metadata": {"ownerReferences": owned("else"), "name": "f"}}
    seen = look(api, server, workload(), older, foreign, now)
    newest, oldest = seen.revisions
    assert (newest.name, newest.number, newest.current) == ("replicaset/app-2", 12, True)
    assert (newest.created, newest.change_cause) == ("2026-01-02T03:04:05Z", "release 12 api_key=[redacted]")
    assert (oldest.name, oldest.image, oldest.current) == ("replicaset/app-1", "flow:0", False)
    assert oldest.differences == ('env LANGFLOW_AUTO_LOGIN: not set -> "true"',)


def test_the_revisions_of_a_stateful_set_are_its_controller_revisions(api: Api, server: FakeApiServer) -> None:
    item = workload(updateRevision="app-b", observedGeneration=3)
    item["spec"]["revisionHistoryLimit"] = 0
    odd: Json = controller_revision("app-odd", 1, "") | {"data": ["no", "template"], "revision": "first"}
    revisions = (controller_revision("app-a", 1, "flow:0"), controller_revision("app-b", 7, "flow:1"), odd)
    serve(server, item, STATEFULSET, *revisions)
    seen = surroundings_of(api, STATEFULSET)
    assert [(one.name, one.number, one.image, one.current) for one in seen.revisions] == [
        ("controllerrevision/app-b", 7, "flow:1", True),
        ("controllerrevision/app-a", 1, "flow:0", False),
        ("controllerrevision/app-odd", None, "", False),
    ]
    assert seen.revision_limit == 0
    assert "container flow: removed" in seen.revisions[2].differences


def test_settings_of_the_workload_itself_are_opponents(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"] |= {"paused": True, "strategy": {"type": "Recreate"}}
    seen = look(api, server, item)
    assert [(one.name, one.blocks) for one in seen.opponents] == [("spec.paused", True), ("spec.strategy.type", False)]
    assert seen.opponents[0].remedy == "kubectl -n demo rollout resume deployment/app"
    stateful = workload()
    stateful["spec"]["updateStrategy"] = {"type": "OnDelete", "rollingUpdate": {"partition": 1}}
    serve(server, stateful, STATEFULSET)
    names = [one.name for one in surroundings_of(api, STATEFULSET).opponents if one.blocks]
    assert names == ["spec.updateStrategy.type", "spec.updateStrategy.rollingUpdate.partition"]


def test_what_scales_or_guards_the_pods_is_named_with_what_it_does(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"]["template"]["metadata"] = {"labels": {"app": "app"}}
    mine, other = ({"kind": "Deployment", "name": name} for name in ("app", "other"))
    server.has(
        "/apis/autoscaling/v1/namespaces/demo/horizontalpodautoscalers",
        {"metadata": {"name": "app"}, "spec": {"scaleTargetRef": mine, "maxReplicas": 9}},
        {"metadata": {"name": "not-mine"}, "spec": {"scaleTargetRef": other, "maxReplicas": 9}},
    )
    server.has(
        "/apis/policy/v1beta1/namespaces/demo/poddisruptionbudgets",
        {"metadata": {"name": "keep"}, "spec": {"selector": {"matchLabels": {"app": "app"}}}},
        {"metadata": {"name": "not-mine"}, "spec": {"selector": {"matchLabels": {"app": "other"}}}},
        {"metadata": {"name": "of-none"}, "spec": {}},
    )
    scaler, budget = look(api, server, item).opponents
    assert (scaler.name, scaler.blocks) == ("horizontalpodautoscaler/app", False)
    assert "1 to 9 replicas" in scaler.effect
    assert (budget.name, budget.blocks, budget.remedy) == ("poddisruptionbudget/keep", False, "")


def test_delivery_tools_that_take_the_template_are_named(api: Api, server: FakeApiServer) -> None:
    server.has(
        "/apis/argoproj.io/v1alpha1/namespaces/demo/rollouts",
        {"metadata": {"name": "r"}, "spec": {"workloadRef": {"kind": "Deployment", "name": "app"}}},
        {"metadata": {"name": "own-template"}, "spec": {}},
    )
    server.has(
        "/apis/flagger.app/v1beta1/namespaces/demo/canaries",
        {"metadata": {"name": "c"}, "spec": {"targetRef": {"kind": "Deployment", "name": "app"}}},
    )
    assert [one.name for one in look(api, server, workload()).opponents] == ["argo rollout r", "flagger canary c"]


def test_a_full_quota_blocks_a_deployment_that_may_lose_no_pod(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    serve(server, item)
    full = {"hard": {"pods": "2"}, "used": {"pods": "2"}}
    server.has(f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "2"}}, "status": full})
    (blocking,) = surroundings_of(api, DEPLOYMENT).opponents
    assert (blocking.name, blocking.blocks) == ("resourcequota/q", True), "25 % of 2 pods is none"
    item["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = 1
    (slowing,) = surroundings_of(api, DEPLOYMENT).opponents
    assert not slowing.blocks


def test_node_platforms_are_those_that_the_pod_may_run_on(api: Api, server: FakeApiServer) -> None:
    item = workload()
    serve(server, item)
    cached = f"registry.example/flow@{DIGEST}"
    tainted = node("riscv64", taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
    cordoned = node("s390x", taints=[{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}])
    odd: Json = {"status": {"nodeInfo": 7, "images": [{"names": [3, "x@y"]}, 4]}}
    server.has("/api/v1/nodes", node("amd64", cached, "flow:1"), node("arm64"), tainted, cordoned, odd)
    seen = surroundings_of(api, DEPLOYMENT)
    assert seen.node_platforms == ("linux/amd64", "linux/arm64", "linux/s390x")
    assert seen.cached_digests == {DIGEST}
    item["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/arch": "arm64"}
    assert surroundings_of(api, DEPLOYMENT).node_platforms == ("linux/arm64",)
    rule = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}
    item["spec"]["template"]["spec"] |= {"nodeSelector": {}, "affinity": {"nodeAffinity": required}}
    assert surroundings_of(api, DEPLOYMENT).node_platforms == ("linux/amd64",)
    item["spec"]["template"]["spec"] |= {"affinity": {}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    assert "linux/riscv64" in (surroundings_of(api, DEPLOYMENT).node_platforms or ())


def test_the_pods_own_pull_secrets_come_before_the_service_accounts(api: Api, server: FakeApiServer) -> None:
    item = workload()
    serve(server, item)
    account = {"imagePullSecrets": [{"name": "of-the-account"}]}
    server.gives("GET", f"{CORE}/serviceaccounts/default", Answer(200, account))
    server.gives("GET", f"{CORE}/secrets/of-the-account", secret(**{".dockerconfigjson": SECRET}))
    (found,) = surroundings_of(api, DEPLOYMENT).pull_secrets
    assert (found.name, found.config, found.problem) == ("of-the-account", SECRET, "")
    item["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "of-the-pod"}, {"name": "../serviceaccounts/x"}]
    missing, unnamed = surroundings_of(api, DEPLOYMENT).pull_secrets
    assert (missing.name, missing.config) == ("of-the-pod", None)
    assert missing.problem == "there is no secret of-the-pod: the kubelet pulls without it"
    assert "no name of a secret" in unnamed.problem


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (secret("Opaque", **{".dockerconfigjson": SECRET}), "its type is Opaque"),
        (secret(x=SECRET), "it has no key .dockerconfigjson"),
        (secret(**{".dockerconfigjson": "hunter2"}), "holds no Docker config"),
        (secret(**{".dockerconfigjson": "[]"}), "holds no Docker config"),
        (secret(**{".dockerconfigjson": "[" * 100_000}), "holds no Docker config"),
        (Answer(200, {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "%%%"}}), "holds no Docker config"),
        (Answer(403, {"message": 'User "ann" cannot get resource "secrets" in API group ""'}), "ann must not get"),
    ],
    ids=["type", "key", "text", "list", "deep", "base64", "forbidden"],
)
def test_a_pull_secret_that_cannot_be_used_says_why(
    api: Api, server: FakeApiServer, answer: Answer, problem: str
) -> None:
    item = workload()
    item["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "regcred"}]
    server.gives("GET", f"{CORE}/secrets/regcred", answer)
    seen = look(api, server, item)
    (found,) = seen.pull_secrets
    assert found.config is None
    assert problem in found.problem
    assert "hunter2" not in repr(seen) + found.problem


def test_the_older_form_of_a_pull_secret_is_read_too_and_none_is_in_a_repr(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "regcred"}]
    entry = {"registry.example": {"auth": "aHVudGVyMg=="}}
    answer = secret("kubernetes.io/dockercfg", **{".dockercfg": json.dumps(entry)})
    server.gives("GET", f"{CORE}/secrets/regcred", answer)
    seen = look(api, server, item)
    assert json.loads(seen.pull_secrets[0].config or "") == {"auths": entry}
    assert "aHVudGVyMg" not in repr(seen)


def test_without_its_service_account_no_pod_is_made(api: Api, server: FakeApiServer) -> None:
    item = workload()
    item["spec"]["template"]["spec"]["serviceAccountName"] = "gone"
    (found,) = look(api, server, item).opponents
    assert (found.name, found.blocks) == ("serviceaccount/gone", True)


def test_what_may_not_be_read_is_unknown_with_the_missing_permission(api: Api, server: FakeApiServer) -> None:
    serve(server, workload())
    places = {
        "nodes": ("/api/v1/nodes", "", " at the cluster scope"),
        "replicasets": (DEPLOYMENT.revisions, "apps", ' in the namespace "demo"'),
        "serviceaccounts": (f"{CORE}/serviceaccounts/default", "", ' in the namespace "demo"'),
        "resourcequotas": (f"{CORE}/resourcequotas", "", ' in the namespace "demo"'),
    }
    for resource, (path, group, where) in places.items():
        message = f'User "ann" cannot list resource "{resource}" in API group "{group}"{where}'
        server.gives("GET", path, Answer(403, {"message": message}))
    resources = {"resources": [{"name": "replicasets"}]}
    server.gives("GET", "/apis/apps/v1", Answer(200, resources))
    seen = surroundings_of(api, DEPLOYMENT)
    assert (seen.node_platforms, seen.cached_digests, seen.revisions) == (None, None, ())
    assert [one.partition(":")[0] for one in seen.unknown] == [
        "revisions",
        "nodes",
        "quotas",
        "the pull secrets of serviceaccount/default",
    ]
    assert "ann must not list nodes" in seen.unknown[1]
