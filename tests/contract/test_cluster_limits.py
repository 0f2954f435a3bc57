"""What every Kubernetes does about quotas, limit ranges and pull secrets; and what stands around a workload."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import Json, Playground, playground

AUTOSCALING = "/apis/autoscaling/v1"
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def own(play: Playground) -> Iterator[Playground]:
    """A namespace for this file alone: what limits a namespace limits all its tests."""
    with playground(play.context, play.kubeconfig, play.image) as found:
        yield found


@pytest.fixture
def name() -> str:
    return f"limited-{next(_NUMBERS)}"


def refused(act: Any) -> Json:
    with pytest.raises(ApiException) as error:
        act()
    return dict(json.loads(error.value.body or "{}"))


@contextmanager
def quota(own: Playground, name: str, **hard: str) -> Iterator[str]:
    """A quota that is in force; `__` stands for `/`, `_` for `.`."""
    limits = {key.replace("__", "/").replace("_", "."): text for key, text in hard.items()}
    path = own.core_path("resourcequotas")
    own.raw("POST", path, {"metadata": {"name": name}, "spec": {"hard": limits}})
    try:
        own.until(lambda: status(own, name).get("hard"), "the quota's status")
        yield name
    finally:
        own.raw("DELETE", f"{path}/{name}")


def status(own: Playground, name: str) -> Json:
    found: Json = own.raw("GET", own.core_path("resourcequotas", name)).get("status") or {}
    return found


def pod(own: Playground, name: str, **container: Any) -> Json:
    return {"metadata": {"name": name}, "spec": own.pod_spec(**container)}


def make(own: Playground, body: Json, **query: str) -> Json:
    return own.raw("POST", own.core_path("pods"), body, **query)


def remove(own: Playground, kind: str, name: str) -> None:
    own.raw("DELETE", own.core_path(kind, name), {"gracePeriodSeconds": 0})


def test_a_pod_too_many_is_forbidden_in_a_dry_run_too(own: Playground, name: str) -> None:
    with quota(own, name, pods="1"):
        make(own, pod(own, name), dryRun="All")
        make(own, pod(own, name), dryRun="All")
        make(own, pod(own, name))
        for query in ({"dryRun": "All"}, {}):
            answer = refused(lambda query=query: make(own, pod(own, "more"), **query))
            assert (answer["code"], answer["reason"]) == (403, "Forbidden")
            assert answer["message"] == (
                f'pods "more" is forbidden: exceeded quota: {name}, requested: pods=1, used: pods=1, limited: pods=1'
            )
            assert answer["details"] == {"name": "more", "kind": "pods"}
        own.until(lambda: status(own, name).get("used") == {"pods": "1"}, "the pod is counted")
        remove(own, "pods", name)
        own.until(lambda: status(own, name).get("used") == {"pods": "0"}, "the pod is counted no more")


def test_other_objects_are_counted_by_resource_and_group(own: Playground, name: str) -> None:
    def deployment(number: int) -> Json:
        return own.workload(f"{name}-{number}", replicas=0)

    path = own.apps_path("deployments")
    with quota(own, name, count__deployments_apps="1"):
        own.raw("POST", path, deployment(1))
        answer = refused(lambda: own.raw("POST", path, deployment(2), dryRun="All"))
        own.until(lambda: status(own, name).get("used") == {"count/deployments.apps": "1"})
    own.delete("deployments", f"{name}-1")
    assert answer["message"] == (
        f'deployments.apps "{name}-2" is forbidden: exceeded quota: {name}, requested: count/deployments.apps=1, '
        "used: count/deployments.apps=1, limited: count/deployments.apps=1"
    )


def test_what_pods_may_ask_for_together_is_limited(own: Playground, name: str) -> None:
    hard = {"requests_cpu": "1500m", "limits_memory": "1Gi", "memory": "1000Mi", "limits_cpu": "1000"}
    with quota(own, name, **hard):
        assert status(own, name) == {
            "hard": {"limits.cpu": "1k", "limits.memory": "1Gi", "memory": "1000Mi", "requests.cpu": "1500m"},
            "used": {"limits.cpu": "0", "limits.memory": "0", "memory": "0", "requests.cpu": "0"},
        }
        silent = refused(lambda: make(own, pod(own, "silent"), dryRun="All"))
        assert re.fullmatch(
            rf'pods "silent" is forbidden: failed quota: {name}: must specify limits\.cpu.*memory.*requests\.cpu.*',
            silent["message"],
        )
        big = {"limits": {"memory": "2000Mi", "cpu": "1.6"}}
        answer = refused(lambda: make(own, pod(own, "big", resources=big), dryRun="All"))
        assert answer["message"] == (
            f'pods "big" is forbidden: exceeded quota: {name}, requested: limits.memory=2000Mi,memory=2000Mi,'
            "requests.cpu=1600m, used: limits.memory=0,memory=0,requests.cpu=0, "
            "limited: limits.memory=1Gi,memory=1000Mi,requests.cpu=1500m"
        )
        make(own, pod(own, name, resources={"limits": {"memory": "100M", "cpu": "1.1"}}))
        used = {"limits.cpu": "1100m", "limits.memory": "100M", "memory": "100M", "requests.cpu": "1100m"}
        own.until(lambda: status(own, name).get("used") == used, "the pod is counted")
        more = {"limits": {"memory": "1G", "cpu": "1"}}
        answer = refused(lambda: make(own, pod(own, "more", resources=more), dryRun="All"))
        assert answer["message"] == (
            f'pods "more" is forbidden: exceeded quota: {name}, requested: limits.memory=1G,memory=1G,requests.cpu=1, '
            "used: limits.memory=100M,memory=100M,requests.cpu=1100m, "
            "limited: limits.memory=1Gi,memory=1000Mi,requests.cpu=1500m"
        )
        remove(own, "pods", name)


def test_a_deployment_says_that_its_pods_are_refused_and_goes_on_when_they_may(own: Playground, name: str) -> None:
    def failure(kind: str) -> Json | None:
        found = own.replica_sets(name)[0] if kind == "replicasets" else own.read("deployments", name)
        conditions = found.get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == "ReplicaFailure"), None)

    with quota(own, name, pods="0"):
        own.deploy(name)
        seen = own.until(lambda: failure("deployments"), "the deployment's condition")
        message = rf'pods "{name}-[a-z0-9]+-[a-z0-9]{{5}}" is forbidden: exceeded quota: {name}, requested: pods=1, .*'
        assert (seen["status"], seen["reason"]) == ("True", "FailedCreate")
        assert re.fullmatch(message, seen["message"])
        of_set = failure("replicasets")
        assert of_set is not None
        assert {key: of_set[key] for key in ("status", "reason", "message")} == {
            key: seen[key] for key in ("status", "reason", "message")
        }
        assert any(re.fullmatch(f"Error creating: {message}", one) for one in own.events("FailedCreate"))
    own.until(lambda: own.complete(name), "the pods that may be now")
    own.until(lambda: failure("deployments") is None, "no condition any more")
    own.delete("deployments", name)


def test_a_set_says_so_too(own: Playground, name: str) -> None:
    with quota(own, name, pods="0"):
        own.deploy(name, kind="StatefulSet")
        message = (
            f'create Pod {name}-0 in StatefulSet {name} failed error: pods "{name}-0" is forbidden: exceeded quota'
        )
        own.until(lambda: any(one.startswith(message) for one in own.events("FailedCreate")), "the event")
        own.delete("statefulsets", name)


@pytest.mark.parametrize(
    ("hard", "field", "said"),
    [
        ({"foo": "1"}, "spec.hard[foo]", "must be a standard resource"),
        ({"pods": "-1"}, "spec.hard[pods]", "must be greater than or equal to 0"),
        ({"pods": "1.5"}, "spec.hard[pods]", "must be an integer"),
    ],
)
def test_a_quota_that_cannot_be_is_invalid(own: Playground, hard: Json, field: str, said: str) -> None:
    body = {"metadata": {"name": "wrong"}, "spec": {"hard": hard}}
    answer = refused(lambda: own.raw("POST", own.core_path("resourcequotas"), body))
    assert (answer["code"], answer["details"]["causes"][0]["field"]) == (422, field)
    assert said in answer["message"]


def test_limits_are_filled_in_where_a_container_has_none(own: Playground, name: str) -> None:
    item = {"type": "Container", "default": {"cpu": "1", "memory": "100Mi"}, "defaultRequest": {"cpu": "100m"}}
    path = own.core_path("limitranges")
    own.raw("POST", path, {"metadata": {"name": name}, "spec": {"limits": [item]}})
    try:
        kept = own.raw("GET", f"{path}/{name}")["spec"]["limits"][0]
        assert kept["defaultRequest"] == {"cpu": "100m", "memory": "100Mi"}
        body = pod(own, name, resources={"requests": {"memory": "1Mi"}})
        annotation = "kubernetes.io/limit-ranger"
        made = own.until(
            lambda: (seen := make(own, body, dryRun="All"))["metadata"].get("annotations", {}).get(annotation) and seen
        )
    finally:
        own.raw("DELETE", f"{path}/{name}")
    assert made["metadata"]["annotations"][annotation] == (
        "LimitRanger plugin set: cpu request for container main; cpu, memory limit for container main"
    )
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "100Mi"},
        "requests": {"cpu": "100m", "memory": "1Mi"},
    }
    assert made["status"]["qosClass"] == "Burstable"


def test_a_pod_gets_the_pull_secrets_of_its_account_when_it_has_none(own: Playground, name: str) -> None:
    account = {"metadata": {"name": name}, "imagePullSecrets": [{"name": "one"}, {"name": "two"}]}
    own.raw("POST", own.core_path("serviceaccounts"), account)
    body = pod(own, name)
    body["spec"]["serviceAccountName"] = name
    made = own.until(lambda: _made_when_known(own, body))
    assert made["spec"]["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    body["spec"]["imagePullSecrets"] = [{"name": "own"}]
    assert make(own, body, dryRun="All")["spec"]["imagePullSecrets"] == [{"name": "own"}]


def _made_when_known(own: Playground, body: Json) -> Json | None:
    """What a dry run makes, once the account and its tokens are there."""
    try:
        return make(own, body, dryRun="All")
    except ApiException as error:
        if error.status not in (403, 500):
            raise
        return None


def test_a_pod_of_an_account_that_is_not_there_is_forbidden(own: Playground, name: str) -> None:
    body = pod(own, name)
    body["spec"]["serviceAccountName"] = "nobody"
    answer = refused(lambda: make(own, body))
    assert answer["code"] == 403
    assert answer["message"] == (
        f'pods "{name}" is forbidden: error looking up service account {own.namespace}/nobody: '
        'serviceaccount "nobody" not found'
    )


@pytest.mark.parametrize(
    ("names", "number", "said"),
    [
        (["../x"], 0, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"),
        (["a.b"], 0, "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"),
        ([""], 0, "Required value"),
        (["x" * 64], 0, "must be no more than 63 characters"),
        (["a", "a"], 1, 'Duplicate value: "a"'),
    ],
)
def test_volumes_have_names_of_their_own_that_lead_nowhere(
    own: Playground, names: list[str], number: int, said: str
) -> None:
    body = pod(own, "volumes")
    body["spec"]["volumes"] = [{"name": one, "emptyDir": {}} for one in names]
    answer = refused(lambda: make(own, body, dryRun="All"))
    assert (answer["code"], answer["details"]["causes"][0]["field"]) == (422, f"spec.volumes[{number}].name")
    assert said in answer["message"]
    workload = own.workload("volumes", pod={"volumes": body["spec"]["volumes"]})
    answer = refused(lambda: own.raw("POST", own.apps_path("deployments"), workload, dryRun="All"))
    assert answer["details"]["causes"][0]["field"] == f"spec.template.spec.volumes[{number}].name"


def test_an_autoscaler_can_be_read(own: Playground, name: str) -> None:
    path = f"{AUTOSCALING}/namespaces/{own.namespace}/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    own.raw("POST", path, {"metadata": {"name": name}, "spec": {"scaleTargetRef": target, "maxReplicas": 3}})
    (seen,) = own.raw("GET", path, fieldSelector=f"metadata.name={name}")["items"]
    assert seen["spec"] == {
        "scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80,
    }  # fmt: skip
    assert seen["status"]["currentReplicas"] == 0
    assert "Deployment/" + name in own.kubectl("get", "hpa", name)
    body = {"metadata": {"name": "wrong"}, "spec": {"scaleTargetRef": target, "maxReplicas": 1, "minReplicas": 2}}
    message = refused(lambda: own.raw("POST", path, body))["message"]
    assert "spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`" in message
    own.raw("DELETE", f"{path}/{name}")


def test_a_disruption_budget_can_be_read(own: Playground, name: str) -> None:
    versions = [one["version"] for one in own.raw("GET", "/apis/policy")["versions"]]
    version = "v1" if "v1" in versions else "v1beta1"  # Kubernetes has had v1 from 1.21 on
    path = f"/apis/policy/{version}/namespaces/{own.namespace}/poddisruptionbudgets"
    spec = {"minAvailable": "50%", "selector": {"matchLabels": {"app": name}}}
    own.raw("POST", path, {"metadata": {"name": name}, "spec": spec})
    (seen,) = own.raw("GET", path, fieldSelector=f"metadata.name={name}")["items"]
    assert (seen["spec"], seen["metadata"]["generation"]) == (spec, 1)
    assert seen["status"]["disruptionsAllowed"] == 0
    assert name in own.kubectl("get", "pdb", name)
    wrong = {"metadata": {"name": "wrong"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}}
    assert (
        "minAvailable and maxUnavailable cannot be both set" in refused(lambda: own.raw("POST", path, wrong))["message"]
    )
    own.raw("DELETE", f"{path}/{name}")


def test_the_nodes_say_their_platform_and_which_images_they_have(own: Playground, name: str) -> None:
    own.deploy(name)
    own.until(lambda: own.complete(name))
    (running,) = own.pods(name)
    image = running["status"]["containerStatuses"][0]["imageID"].rpartition("//")[2]
    nodes = own.raw("GET", "/api/v1/nodes")["items"]
    mine = next(one for one in nodes if one["metadata"]["name"] == running["spec"]["nodeName"])
    assert mine["status"]["nodeInfo"]["operatingSystem"] == "linux"
    assert mine["status"]["nodeInfo"]["architecture"] in ("amd64", "arm64")

    def is_listed() -> bool:
        images = own.raw("GET", f"/api/v1/nodes/{mine['metadata']['name']}")["status"]["images"]
        assert all(one["sizeBytes"] > 0 and one["names"] for one in images)
        assert all(re.search(r"@sha256:[0-9a-f]{64}$|:[^/]+$", text) for one in images for text in one["names"])
        sizes = [one["sizeBytes"] for one in images]
        assert sizes == sorted(sizes, reverse=True)
        # A kubelet lists the fifty largest: an image that is not listed may be there all the same.
        return len(images) == 50 or any({image, own.image} <= {*one["names"]} for one in images)

    own.until(is_listed, "the image among the node's")
    own.delete("deployments", name)
