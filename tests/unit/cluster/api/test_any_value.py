"""Any value anywhere in an object: kept or refused, and never a defect, neither at once nor when it is shown later."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.loop import Controller
from flowdrill.cluster.controllers.supporting import supporting_controllers
from flowdrill.cluster.controllers.workloads import workload_controllers
from tests.unit.cluster.api.asking import APPLY, APPS, JSON_PATCH, MERGE, RBAC, SHOP, STRATEGIC, Asked, deployment
from tests.unit.cluster.controllers.driven import Driven

Path = tuple[str | int, ...]
ODD = st.one_of(
    st.sampled_from([None, "", "x", 0, -1, 10**30, 1.5, True, [], {}, {"a": None}, {"": 5}]),
    st.sampled_from([[None], [{}], [[]], ["x"], [5]]),
    st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda one: st.lists(one, max_size=2), max_leaves=4),
)  # fmt: skip
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
META = {
    "labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["x/y"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u", "controller": True}],
}  # fmt: skip
CONDITIONS = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]
CONTAINER: Json = {
    "image": "x", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 1}],
    "resources": {"limits": {"cpu": "1"}}, "readinessProbe": {"httpGet": {"port": 1}}, "lifecycle": {"preStop": {}},
}  # fmt: skip
MAIN = {"name": "main", **CONTAINER}
STATES = [{"name": "main", "state": {"waiting": {"reason": "x"}}, "lastState": {}, "ready": True, "restartCount": 1}]
CLAIM: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
PVC = {"name": "w", "persistentVolumeClaim": {"claimName": "a"}}
KINDS: dict[str, Json] = {
    f"{APPS}/deployments": {
        **deployment("a", **CONTAINER), "status": {"conditions": CONDITIONS, "replicas": 1, "observedGeneration": 1},
    },
    f"{SHOP}/pods": {
        "spec": {"containers": [MAIN], "volumes": [{"name": "v", "configMap": {"name": "c"}}, PVC], "nodeName": "n"},
        "status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": CONDITIONS, "containerStatuses": STATES},
    },
    f"{SHOP}/services": {
        "spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": "x"}], "type": "NodePort"},
    },
    f"{SHOP}/persistentvolumeclaims": {
        "spec": {**CLAIM, "storageClassName": "x", "selector": {"matchLabels": {"a": "b"}}},
        "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}},
    },
    f"{APPS}/statefulsets": {
        "spec": {
            **deployment("a", **CONTAINER)["spec"],
            "volumeClaimTemplates": [{"metadata": {"name": "v", "labels": {"a": "b"}}, "spec": CLAIM}],
        },
    },
    f"{SHOP}/endpoints": {"subsets": [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 1}]}]},
    "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices": {
        "addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {}}], "ports": [{"port": 1}],
    },
    f"{SHOP}/events": {
        "involvedObject": {"kind": "Pod"}, "lastTimestamp": "x", "source": {"component": "x"}, "count": 1,
    },
    f"{RBAC}/clusterroles": {
        "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["x"]}],
        "aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]},
    },
    f"{RBAC}/clusterrolebindings": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "system:authenticated"}],
    },
    "/api/v1/nodes": {"spec": {}, "status": {"conditions": CONDITIONS, "addresses": [{"type": "x", "address": "y"}]}},
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "spec": {
            "group": "example.org", "scope": "Namespaced", "names": {"plural": "a", "kind": "A", "shortNames": ["x"]},
            "versions": [{"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}],
        },
    },
}  # fmt: skip


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    yield at
    for step, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*at, step))


def with_value(value: Json, at: Path, odd: Any) -> Any:
    if not at:
        return odd
    changed = copy.deepcopy(value)
    inner: Any = changed
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = odd
    return changed


def controllers(asked: Asked) -> tuple[Controller, ...]:
    issue = asked.authenticator.lasting_token
    return (*workload_controllers(asked.objects), *supporting_controllers(asked.objects, issue, "authority"))


@pytest.mark.parametrize("path", KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_anywhere_is_kept_or_refused(path: str, data: st.DataObject) -> None:
    asked = Asked()
    name = "a.example.org" if "customresource" in path else "a"
    good: Json = {**KINDS[path], "metadata": {"name": name, **META}}
    driven = Driven(asked.objects, *controllers(asked))
    at, odd = data.draw(st.sampled_from([*places(good)])), data.draw(ODD)
    how = data.draw(st.sampled_from(["POST", MERGE, STRATEGIC, APPLY, JSON_PATCH]))
    below = data.draw(st.sampled_from(["", "/status", "/scale"])) if how != "POST" else ""
    body = with_value(good, at, odd)
    if how == "POST":
        answer = asked.ask("POST", path, body)
    else:
        asked.make(path, **good)
        pointer = "".join(f"/{step}" for step in at)
        patch = [{"op": "add", "path": pointer, "value": odd}] if how == JSON_PATCH else body
        query = {"fieldManager": "x", "force": "true"} if how == APPLY else {}
        answer = asked.ask("PATCH", f"{path}/{name}{below}", patch, kind=how, **query)
    assert answer.code < 500, answer.body
    driven.settle()
    for headers, code in ((TABLE, 200), ({"impersonate-user": "nobody"}, None)):
        assert asked.ask("GET", path, headers=headers).code in ((code,) if code else (200, 403))
