"""What a rollback meets on the cluster beside the image: on every Kubernetes there is."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from kubernetes.client.exceptions import ApiException

from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.kubernetes.workload_search import search_workloads
from flowdrill.model.drill import Target
from flowdrill.model.surroundings import Surroundings
from flowdrill.model.workload import WorkloadKind
from tests.contract.playground import WAITS, Json, Playground

KEPT = {WorkloadKind.DEPLOYMENT: "replicaset", WorkloadKind.STATEFULSET: "controllerrevision"}


def name_of(kind: WorkloadKind) -> str:
    return f"{str(kind)[:4]}-{secrets.token_hex(3)}"


@contextmanager
def opened(play: Playground, kind: WorkloadKind, name: str) -> Iterator[KubernetesWorkload]:
    target = Target(namespace=play.namespace, workload=f"{kind}/{name}")
    with open_workload(play.context, target, kubeconfig=play.kubeconfig) as workload:
        yield workload


def look(play: Playground, kind: WorkloadKind, name: str) -> Surroundings:
    with opened(play, kind, name) as workload:
        return workload.surroundings()


@contextmanager
def deployed(play: Playground, kind: WorkloadKind, *, replicas: int = 0, **more: object) -> Iterator[str]:
    """A workload; without replicas where nothing needs to run, since that is the quickest of all."""
    name = name_of(kind)
    capital = "Deployment" if kind is WorkloadKind.DEPLOYMENT else "StatefulSet"
    play.deploy(name, WAITS, kind=capital, replicas=replicas, **more)
    try:
        play.until(lambda: look(play, kind, name).revisions or None, f"the first revision of {name}")
        yield name
    finally:
        play.delete(f"{kind}s", name)


def create(play: Playground, paths: list[str], body: Json) -> None:
    """Create an object of an API in one of its versions. The cluster may serve none: then the test is skipped."""
    for path in paths:
        try:
            play.raw("POST", path, body)
        except ApiException as error:
            if error.status != 404:
                raise
        else:
            return
    pytest.skip(f"this cluster does not serve {' or '.join(paths)}")


def test_every_revision_says_what_it_would_change_beside_the_image(play: Playground, kind: WorkloadKind) -> None:
    env = [{"name": "VERSION", "value": "1"}, {"name": "API_KEY", "value": "hunter2-old"}]
    with deployed(play, kind, container={"env": env}, revisionHistoryLimit=3) as name:
        first = look(play, kind, name)
        assert [(one.number, one.current, one.differences) for one in first.revisions] == [(1, True, ())]
        play.set_env(name, "2", f"{kind}s")
        play.patch(f"{kind}s", name, changed(play, "API_KEY", "hunter2-new"))
        seen = play.until(lambda: settled(look(play, kind, name), 3), "three revisions")
    newest, between, oldest = seen.revisions
    assert seen.revision_limit == 3
    assert {one.name.partition("/")[0] for one in seen.revisions} == {KEPT[kind]}
    assert (newest.differences, newest.image) == ((), play.image)
    assert between.differences == ("env API_KEY: [redacted] -> another value",)
    assert oldest.differences == ('env VERSION: "2" -> "1"', "env API_KEY: [redacted] -> another value")
    assert newest.created >= oldest.created >= "2020"


def changed(play: Playground, variable: str, value: str) -> Json:
    container = {"name": "main", "env": [{"name": variable, "value": value}]}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


def settled(seen: Surroundings, count: int) -> Surroundings | None:
    """The surroundings once there are so many revisions, and the newest is the present one."""
    return seen if len(seen.revisions) == count and seen.revisions[0].current else None


def test_a_revision_that_was_gone_back_to_is_the_newest_again(play: Playground, kind: WorkloadKind) -> None:
    with deployed(play, kind, container={"env": [{"name": "VERSION", "value": "1"}]}) as name:
        first = look(play, kind, name).revisions[0]
        play.set_env(name, "2", f"{kind}s")
        play.until(lambda: settled(look(play, kind, name), 2))
        play.set_env(name, "1", f"{kind}s")
        seen = play.until(lambda: current(look(play, kind, name), first.name))
    assert [(one.number, one.current) for one in seen.revisions] == [(3, True), (2, False)]


def current(seen: Surroundings, name: str) -> Surroundings | None:
    return seen if seen.revisions[0].current and seen.revisions[0].name == name else None


def test_nodes_say_what_they_are_and_what_they_have(play: Playground, kind: WorkloadKind) -> None:
    with deployed(play, kind) as name:
        seen = look(play, kind, name)
    assert seen.node_platforms is not None
    assert seen.node_platforms[0].startswith("linux/")
    assert seen.cached_digests is not None
    assert all(digest.startswith("sha256:") for digest in seen.cached_digests)
    with deployed(play, kind, pod={"nodeSelector": {"kubernetes.io/arch": "pdp11"}}) as name:
        assert look(play, kind, name).node_platforms == ()


def test_pull_secrets_are_the_pods_or_else_its_service_accounts(play: Playground, kind: WorkloadKind) -> None:
    login = json.dumps({"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}})
    encoded = base64.b64encode(login.encode()).decode()
    mine, named = f"login-{secrets.token_hex(3)}", f"account-{secrets.token_hex(3)}"
    body = {
        "metadata": {"name": mine},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": encoded},
    }
    play.raw("POST", play.core_path("secrets"), body)
    account = {"metadata": {"name": named}, "imagePullSecrets": [{"name": mine}, {"name": "gone"}]}
    play.raw("POST", play.core_path("serviceaccounts"), account)
    with deployed(play, kind, pod={"serviceAccountName": named}) as name:
        found, gone = look(play, kind, name).pull_secrets
        assert (found.name, found.config, found.problem) == (mine, login, "")
        assert gone.problem == "there is no secret gone: the kubelet pulls without it"
    with deployed(play, kind, pod={"serviceAccountName": named, "imagePullSecrets": [{"name": "own"}]}) as name:
        assert [one.name for one in look(play, kind, name).pull_secrets] == ["own"]


def test_a_workload_of_a_service_account_that_is_gone_gets_no_pod(play: Playground, kind: WorkloadKind) -> None:
    with deployed(play, kind, pod={"serviceAccountName": "nobody"}) as name:
        (found,) = [one for one in look(play, kind, name).opponents if one.blocks]
    assert found.name == "serviceaccount/nobody"


def test_what_scales_the_workload_or_guards_its_pods_is_named(play: Playground, kind: WorkloadKind) -> None:
    capital = "Deployment" if kind is WorkloadKind.DEPLOYMENT else "StatefulSet"
    with deployed(play, kind) as name:
        target = {"apiVersion": "apps/v1", "kind": capital, "name": name}
        scaler = {"metadata": {"name": name}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
        create(play, [f"/apis/autoscaling/v1/namespaces/{play.namespace}/horizontalpodautoscalers"], scaler)
        versions = ("v1", "v1beta1")
        paths = [f"/apis/policy/{each}/namespaces/{play.namespace}/poddisruptionbudgets" for each in versions]
        selector = {"matchLabels": {"app": name}}
        create(play, paths, {"metadata": {"name": name}, "spec": {"selector": selector, "minAvailable": 1}})
        seen = look(play, kind, name)
    told = {one.name: one.blocks for one in seen.opponents}
    assert told == {f"horizontalpodautoscaler/{name}": False, f"poddisruptionbudget/{name}": False}


def test_a_full_quota_blocks_a_rollout_that_first_needs_one_pod_more(play: Playground) -> None:
    """In a namespace of its own: a quota counts every pod of it."""
    namespace, kind = f"{play.namespace}-quota", WorkloadKind.DEPLOYMENT
    play.core.create_namespace({"metadata": {"name": namespace}})
    inner = Playground(play.context, play.kubeconfig, namespace, play.api, play.image, play.missing)
    try:
        inner.until(lambda: inner.raw("GET", inner.core_path("serviceaccounts"))["items"], "default service account")
        quota = {"metadata": {"name": "two"}, "spec": {"hard": {"pods": "0"}}}
        create(inner, [inner.core_path("resourcequotas")], quota)
        never_fewer = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        with deployed(inner, kind, strategy=never_fewer) as name:
            (found,) = inner.until(lambda: look(inner, kind, name).opponents, "the quota is counted")
    finally:
        play.core.delete_namespace(namespace)
    assert (found.name, found.blocks) == ("resourcequota/two", True)
    assert "pods (0 left, 1 needed)" in found.effect


def test_langflow_is_found_by_what_it_sets_and_the_label_leaves_it_out(play: Playground, kind: WorkloadKind) -> None:
    with deployed(play, kind, container={"env": [{"name": "LANGFLOW_LOG_LEVEL", "value": "info"}]}) as name:
        found = search_workloads(play.context, play.namespace, kubeconfig=play.kubeconfig)
        (mine,) = [one for one in found if one.name == name]
        assert (mine.kind, mine.container, mine.image, mine.digests) == (kind, "main", play.image, ())
        assert "env LANGFLOW_LOG_LEVEL" in mine.because
        assert mine in search_workloads(play.context, None, kubeconfig=play.kubeconfig)
        play.patch(f"{kind}s", name, {"metadata": {"labels": {"flowdrill.dev/audit": "false"}}})
        left = search_workloads(play.context, play.namespace, kubeconfig=play.kubeconfig)
        assert name not in {one.name for one in left}


@pytest.fixture
def weak_kubeconfig(play: Playground, tmp_path: Path) -> str:
    """A kubeconfig of a service account that may read Deployments and ReplicaSets, and nothing else."""
    account, rbac = f"weak-{secrets.token_hex(3)}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{play.namespace}"
    play.raw("POST", play.core_path("serviceaccounts"), {"metadata": {"name": account}})
    rule = {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["get", "list"]}
    play.raw("POST", f"{rbac}/roles", {"metadata": {"name": account}, "rules": [rule]})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": play.namespace}
    play.raw("POST", f"{rbac}/rolebindings", {"metadata": {"name": account}, "roleRef": role, "subjects": [subject]})
    asked = {"spec": {"audiences": [], "expirationSeconds": 3600}}
    token = play.raw("POST", play.core_path(f"serviceaccounts/{account}/token"), asked)["status"]["token"]
    settings = play.api.configuration
    cluster = {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}
    content = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "weak", "context": {"cluster": "c", "user": "u"}}],
    }
    path = tmp_path / "weak.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_whoever_may_read_little_is_told_exactly_what_was_not_looked_at(play: Playground, weak_kubeconfig: str) -> None:
    """Nothing of Argo Rollouts and Flagger, which are not there: an API server refuses before it looks."""
    with deployed(play, WorkloadKind.DEPLOYMENT) as name:
        target = Target(namespace=play.namespace, workload=f"deployment/{name}")
        with open_workload("weak", target, kubeconfig=weak_kubeconfig) as workload:
            seen = workload.surroundings()
    assert len(seen.revisions) == 1
    assert (seen.node_platforms, seen.cached_digests, seen.pull_secrets) == (None, None, ())
    unseen = {one.partition(":")[0]: one for one in seen.unknown}
    assert set(unseen) <= {
        "nodes", "quotas", "autoscalers", "disruption budgets", "the pull secrets of serviceaccount/default",
    }  # fmt: skip
    assert "must not list nodes" in unseen["nodes"]
    assert "must not get serviceaccounts" in unseen["the pull secrets of serviceaccount/default"]
