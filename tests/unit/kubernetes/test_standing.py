"""How a workload stands, read from the API's objects: paths, what may be shown, and who owns a field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.standing import annotate, standing_of
from flowdrill.edges.kubernetes.standing_fields import standing_object
from flowdrill.model.standing import fact, standing_to_json, text_of
from flowdrill.model.undo import Undo
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT

CONTAINER = 'f:spec/f:template/f:spec/f:containers/k:{"name":"flow"}'


def owned(manager: str, *paths: str, time: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    """An entry of managedFields that owns paths like `f:spec/f:replicas`."""
    tree: dict[str, Any] = {}
    for path in paths:
        at = tree
        for step in path.split("/"):
            at = at.setdefault(step, {})
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": tree}


def workload(**meta: Any) -> dict[str, Any]:
    env = [{"name": "MODE", "value": "ok"}, {"name": "API_KEY", "value": "hunter2-and-more"}, {"name": "EMPTY"}]
    container = {"name": "flow", "image": "img:1", "env": env, "args": ["--api-key", "sesame-street"]}
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "uid": "u", "resourceVersion": "7", "generation": 3, **meta},
        "spec": {"replicas": 2, "template": template},
        "status": {"replicas": 2},
    }


def test_fields_have_the_paths_that_people_read() -> None:
    fields = standing_object(workload(annotations={"deployment.kubernetes.io/revision": "4", "a/b": "c"})).fields
    lead = "spec.template.spec.containers[flow]"
    assert fields["metadata.annotations.a/b"] == '"c"'
    assert fields["spec.replicas"] == "2"
    assert fields[f"{lead}.image"] == '"img:1"'
    assert fields[f"{lead}.env[MODE].value"] == '"ok"'
    assert fields[f"{lead}.env[EMPTY].name"] == '"EMPTY"'
    assert fields[f"{lead}.env[order]"] == '["MODE", "API_KEY", "EMPTY"]'
    assert not any("revision" in path or "status" in path or "resourceVersion" in path for path in fields)


def test_secrets_are_shown_by_a_fingerprint_alone() -> None:
    manifest = json.dumps(workload())
    item = workload(annotations={"kubectl.kubernetes.io/last-applied-configuration": manifest, "my-token": "tik-tok"})
    fields = standing_object(item).fields
    assert not any(secret in repr(fields) for secret in ("hunter2", "sesame", "tik-tok"))
    path = "spec.template.spec.containers[flow].env[API_KEY].value"
    other = json.loads(json.dumps(item).replace("hunter2", "hunter3"))
    assert fields[path].startswith('"[redacted]" #')
    assert fields[path] != standing_object(other).fields[path]


def test_a_field_is_owned_by_whoever_owns_it_alone_before_whoever_owns_what_is_around_it() -> None:
    managed = [
        owned("helm", CONTAINER + "/f:env", "f:spec/f:replicas"),
        owned("kubectl-edit", f'{CONTAINER}/f:env/k:{{"name":"MODE"}}/f:value', time="2025-01-01T00:00:00Z"),
        owned("hpa", "f:spec/f:replicas", time="2026-02-01T00:00:00Z"),
        owned("flowdrill", "f:metadata/f:annotations", time="2027-01-01T00:00:00Z"),
        owned("kubectl-annotate", "f:metadata/f:annotations/f:a"),
        {"manager": "hostile", "fieldsV1": [1]},
        "hostile",
    ]
    managers = standing_object(workload(annotations={"a": "1", "b": "2"}, managedFields=managed)).managers
    lead = "spec.template.spec.containers[flow]"
    assert managers[f"{lead}.env[MODE].value"] == "kubectl-edit"
    assert managers[f"{lead}.env[EMPTY].name"] == "helm"
    assert managers["spec.replicas"] == "hpa"
    assert managers["metadata.annotations.a"] == "kubectl-annotate"
    assert "metadata.annotations.b" not in managers


def test_an_object_of_any_depth_and_size_is_read() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    item = workload() | {"deep": deep, "wide": {str(n): n for n in range(6000)}}
    assert len(standing_object(item).fields) == 4001
    assert len(standing_to_json_size(item)) < 2_000_000


def standing_to_json_size(item: dict[str, Any]) -> str:
    return json.dumps(dict(standing_object(item).fields))


def test_a_value_is_kept_whole_or_is_known_to_be_cut() -> None:
    assert text_of(fact("short", "short")) == "short"
    assert text_of(fact("x" * 1000, "x" * 1000)) is None
    assert text_of(fact("secret", "[redacted]")) is None
    assert fact("x" * 999, "x" * 999) != fact("x" * 998 + "y", "x" * 998 + "y")


def test_what_may_not_be_read_is_named(api: Api, server: FakeApiServer) -> None:
    undo = Undo("run-1", "deployment/app", "demo", "flow", "img:1", None, "here")
    server.gives("GET", DEPLOYMENT.path, Answer(200, workload()))
    server.has(DEPLOYMENT.core("pods"))
    message = 'User "ann" cannot list resource "replicasets" in API group "apps" in the namespace "demo"'
    server.gives("GET", DEPLOYMENT.revisions, Answer(403, {"message": message}))
    seen = standing_of(api, DEPLOYMENT, undo)
    assert seen.revisions == ()
    assert len(seen.unread) == 1
    assert seen.unread[0].startswith("revisions: ")
    assert "hunter2" not in standing_to_json(seen)


def test_only_the_workload_and_its_revisions_are_annotated(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", f"{DEPLOYMENT.revisions}/app-1", Answer(200))
    annotate(api, DEPLOYMENT, "replicaset/app-1", {"a": None})
    (request,) = server.asked("PATCH")
    assert request.body == {"metadata": {"annotations": {"a": None}}}
    with pytest.raises(ValueError, match="no revision"):
        annotate(api, DEPLOYMENT, "secret/app-1", {"a": None})
