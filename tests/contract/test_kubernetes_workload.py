"""What only a cluster, the embedded one or a real one, can show of the `Workload` port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from pydantic import TypeAdapter

from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.engine.template_check import container_of
from flowdrill.errors import ClusterError, DrillRefusedError, ForbiddenError, PlanError
from flowdrill.model.access import Actor
from flowdrill.model.container_fields import has_fields, variables_of
from flowdrill.model.drill import Target
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind
from tests.contract.bench import SECRET, Cluster, RealBench, runs_only, told, watch

DEPLOYMENT = WorkloadKind.DEPLOYMENT


@pytest.fixture
def real(real_cluster: Cluster) -> Iterator[RealBench]:
    with real_cluster.bench(DEPLOYMENT) as bench:
        yield bench


@pytest.fixture
def weak_kubeconfig(real_cluster: Cluster, tmp_path: Path) -> Path:
    """A kubeconfig of a service account that may read Deployments and nothing else."""
    core, rbac, name = client.CoreV1Api(real_cluster.api), client.RbacAuthorizationV1Api(real_cluster.api), "weak"
    space, group = real_cluster.namespace, "rbac.authorization.k8s.io"
    core.create_namespaced_service_account(space, {"metadata": {"name": name}})
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
    rbac.create_namespaced_role(space, {"metadata": {"name": name}, "rules": [rule]})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": space}],
    }
    rbac.create_namespaced_role_binding(space, binding)
    asked = client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
    request = client.AuthenticationV1TokenRequest(spec=asked)
    token = core.create_namespaced_service_account_token(name, space, request).status.token
    settings = real_cluster.api.configuration
    cluster = {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}
    path = tmp_path / "weak.kubeconfig"
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "weak", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def opened(real_cluster: Cluster, workload: str, container: str | None = None, namespace: str | None = None) -> None:
    target = Target(namespace=namespace or real_cluster.namespace, workload=workload, container=container)
    open_workload(real_cluster.context, target, kubeconfig=real_cluster.kubeconfig).close()


def test_a_missing_namespace_is_named_with_the_command_that_lists_them(real_cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match="has no namespace 'not-there'") as missing:
        opened(real_cluster, "deployment/app", namespace="not-there")
    assert f"kubectl --context {real_cluster.context} get namespaces" in missing.value.remedy


def test_a_missing_workload_is_answered_with_what_there_is(real_cluster: Cluster) -> None:
    real_cluster.deploy(DEPLOYMENT, "several", containers=_containers(real_cluster, "flow", "proxy"))
    try:
        with pytest.raises(ClusterError, match="did you mean deployment/several"):
            opened(real_cluster, "deployment/severall")
        with pytest.raises(ClusterError, match="did you mean deployment/several"):
            opened(real_cluster, "statefulset/several")
        with pytest.raises(PlanError, match="several containers: flow, proxy"):
            opened(real_cluster, "deployment/several")
        with pytest.raises(ClusterError, match="no container 'flwo'; it has: flow, proxy"):
            opened(real_cluster, "deployment/several", "flwo")
        opened(real_cluster, "deployment/several", "proxy")
    finally:
        real_cluster.delete(DEPLOYMENT, "several")


def test_cluster_and_version_are_known(real: RealBench, real_cluster: Cluster) -> None:
    seen = real.workload.snapshot()
    target = Target(namespace=real.namespace, workload=f"deployment/{seen.name}")
    with open_workload(real_cluster.context, target, kubeconfig=real_cluster.kubeconfig) as workload:
        assert workload.cluster == f"{real_cluster.context} ({real_cluster.api.configuration.host})"
        assert workload.kubernetes_version.startswith("v1.")
        assert workload.container == "flow"


def test_the_image_is_set_by_our_field_manager_and_the_cause_is_in_the_rollout_history(
    real: RealBench, real_cluster: Cluster
) -> None:
    apps, name = client.AppsV1Api(real_cluster.api), real.workload.snapshot().name
    real.workload.set_image(real.broken, "flowdrill: break")
    deployment = apps.read_namespaced_deployment(name, real.namespace)
    assert "flowdrill" in {entry.manager for entry in deployment.metadata.managed_fields}

    def causes() -> set[str | None]:
        sets = apps.list_namespaced_replica_set(real.namespace, label_selector=f"app={name}").items
        return {(one.metadata.annotations or {}).get("kubernetes.io/change-cause") for one in sets}

    real.until(lambda: "flowdrill: break" in causes())


def test_the_undo_can_be_read_from_the_lease(real: RealBench, real_cluster: Cluster) -> None:
    undo = Undo("run-1", "deployment/app", real.namespace, "flow", real.stable, "before", host="a-host")
    name = real.workload.lock(undo).removeprefix("lease/")
    lease = client.CoordinationV1Api(real_cluster.api).read_namespaced_lease(name, real.namespace)
    assert lease.spec.holder_identity == "run-1"
    assert TypeAdapter(Undo).validate_json(lease.metadata.annotations["flowdrill.dev/undo"]) == undo
    real.workload.unlock("run-1")


def test_evidence_says_what_happened_and_keeps_secrets_out(real: RealBench) -> None:
    def taken() -> dict[str, str]:
        return {name: text for name, _, text in real.workload.evidence((real.stable,))}

    real.until(lambda: " Started Pod/" in taken()["events.txt"])  # events come when they come
    found = taken()
    assert not any(SECRET in text for text in found.values())
    assert "value: blue" in found["workload.yaml"]
    assert "managedFields" not in found["pods.yaml"]
    assert [item["kind"] for item in yaml.safe_load_all(found["pods.yaml"])] == ["Pod", "Pod"]


def test_watching_leaves_no_thread_and_goes_on_after_its_connections_were_cut(real: RealBench) -> None:
    before = set(threading.enumerate())
    watch(real)
    watches = real.workload._watch._watches  # type: ignore[attr-defined]
    real.until(lambda: all(one.stream for one in watches))
    for one in watches:
        one.stream.cut()
    real.workload.set_image(real.broken, None)
    real.until(lambda: runs_only(told(real)[-1], real.broken))
    real.workload.stop_watching()
    assert set(threading.enumerate()) == before


def test_permissions_that_lack_are_named_for_the_harness_and_for_impersonation(
    real: RealBench, real_cluster: Cluster, weak_kubeconfig: Path
) -> None:
    target = Target(namespace=real.namespace, workload=f"deployment/{real.workload.snapshot().name}")
    on_call = RollbackPlan.model_validate({"as": "on-call"})
    with open_workload("weak", target, kubeconfig=str(weak_kubeconfig), rollback=on_call) as workload:
        with pytest.raises(ForbiddenError, match=r"must not patch deployments.apps") as own:
            workload.would_accept(real.broken)
        assert f"the service account weak of namespace {real.namespace}" in own.value.remedy
        with pytest.raises(ForbiddenError, match="must not act as on-call") as acting:
            workload.would_accept(real.broken, by=Actor.RESPONDER)
        assert "verbs: [impersonate]" in acting.value.remedy
        with pytest.raises(ForbiddenError, match="must not list"):
            workload.start_watching(real.facts.append)
        with pytest.raises(ForbiddenError, match="must not create leases"):
            workload.lock(Undo("run-1", target.workload, real.namespace, "flow", real.stable, None, host="h"))
        texts = {name: text for name, _, text in workload.evidence((real.stable,))}
        assert "could not be read: GET" in texts["events.txt"]


def _containers(real_cluster: Cluster, *names: str) -> list[dict[str, str]]:
    return [{"name": name, "image": real_cluster.images[0]} for name in names]


def test_a_break_that_arrives_after_the_workload_was_outdated_is_refused(
    real: RealBench, real_cluster: Cluster
) -> None:
    """As one does that a dead harness has sent, and the network has kept back."""
    apps, name = client.AppsV1Api(real_cluster.api), real.workload.snapshot().name
    template, before = real.workload.template(), apps.read_namespaced_deployment(name, real.namespace)
    real.workload.outdate("run-1")
    late = {"metadata": {"resourceVersion": before.metadata.resource_version}, "spec": {"paused": True}}
    with pytest.raises(ApiException) as refused:
        apps.patch_namespaced_deployment(name, real.namespace, late)
    assert refused.value.status == 409
    after = apps.read_namespaced_deployment(name, real.namespace)
    assert (after.metadata.labels or {}) == (before.metadata.labels or {})
    assert real.workload.template() == template


def test_of_the_variables_only_those_of_a_release_are_set_and_put_back(real: RealBench, real_cluster: Cluster) -> None:
    apps, name = client.AppsV1Api(real_cluster.api), real.workload.snapshot().name
    template = real.workload.template()
    env = container_of(template, "flow")["env"]
    names = ["API_KEY", "COLOUR", "NEW"]
    reference = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
    release = [{"name": "NEW", "value": ""}, {"name": "COLOUR", "valueFrom": reference}]  # without API_KEY, the first
    real.workload.break_image(real.broken, "break", fields={"env": variables_of(release, names)}, over=template)
    broken = container_of(real.workload.template(), "flow")
    assert has_fields(broken, {"env": variables_of(release, names)})
    assert [one["name"] for one in broken["env"]] == ["NEW", "COLOUR"]
    theirs: dict[str, Any] = {"name": "flow", "env": [{"name": "THEIRS", "value": "1"}]}
    patch = {"spec": {"template": {"spec": {"containers": [theirs]}}}}
    apps.patch_namespaced_deployment(name, real.namespace, patch)
    real.workload.set_image(real.stable, None, fields={"env": variables_of(env, names)})
    now = container_of(real.workload.template(), "flow")
    assert {one["name"]: one for one in now["env"]} == {one["name"]: one for one in [*env, *theirs["env"]]}
    assert [one["name"] for one in now["env"] if one["name"] != "THEIRS"] == [one["name"] for one in env]
    theirs["env"] = [{"name": "THEIRS", "$patch": "delete"}]
    apps.patch_namespaced_deployment(name, real.namespace, patch)
    assert container_of(real.workload.template(), "flow") == container_of(template, "flow")


def test_a_break_is_refused_when_the_template_is_another_one_and_sent_again_when_it_is_not(real: RealBench) -> None:
    template = real.workload.template()
    with pytest.raises(DrillRefusedError, match="its pod template is another one"):
        real.workload.break_image(real.broken, "break", fields={}, over={**template, "spec": {}})
    assert real.workload.template() == template
    for _ in range(2):  # a lost answer: it is sent again, and found done
        real.workload.break_image(real.broken, "break", fields={}, over=template)
    assert real.workload.snapshot().image == real.broken
