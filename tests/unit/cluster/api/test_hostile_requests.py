"""Whatever a client sends, it is answered by a refusal that says why: never by a defect, never by silence."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.unit.cluster.api.asking import (
    APPLY,
    APPS,
    JSON_PATCH,
    MERGE,
    RBAC,
    SHOP,
    STRATEGIC,
    Asked,
    deployment,
)

CONFIG_MAPS = f"{SHOP}/configmaps"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def asked() -> Asked:
    found = Asked()
    found.make(CONFIG_MAPS, metadata={"name": "kept"}, data={"a": "b"})
    found.make(f"{APPS}/deployments", **deployment("web"))
    return found


def deep(levels: int) -> bytes:
    return b'{"metadata":{"name":"a"},"x":' + b"[" * levels + b"]" * levels + b"}"


def aliases() -> bytes:
    """A few hundred bytes of YAML that stand for billions of values."""
    lines = [b"a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [b"%c: &%c [%s]" % (one, one, b",".join([b"*%c" % (one - 1)] * 9)) for one in range(98, 110)]
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400), (b"nothing", 400), (b"[]", 400), (b"null", 400), (b'"x"', 400), (b"\xff\xfe", 400),
        (b'{"metadata":{"name":"a\xff"}}', 400), (b'{"metadata":{"name":"a"},"data":{"x":NaN}}', 400),
        (b'{"metadata":{"name":"a"},"x":1e999}', 400), (deep(151), 400), (deep(900), 400), (deep(100_000), 400),
        (b"{" + b" " * (3 << 20) + b"}", 413), (b'{"metadata":[]}', 400), (b'{"metadata":{"name":5}}', 400),
        (b'{"metadata":null}', 422), (b'{"metadata":{"name":"../x"}}', 422), (b'{"metadata":{"name":"a/b"}}', 422),
        (b'{"metadata":{"name":"a","labels":{"x":5}}}', 400), (b'{"metadata":{"name":"a","namespace":"other"}}', 400),
        (b'{"kind":"Secret","metadata":{"name":"a"}}', 400), (b'{"metadata":{"name":"a","resourceVersion":"7"}}', 400),
        (b'{"metadata":{"name":"a"},"data":{"..":"x"}}', 422), (b'{"metadata":{"name":"a"},"data":{"a/b":"x"}}', 422),
        (b'{"metadata":{"name":"a","ownerReferences":[{}]}}', 422),
        (b'{"metadata":{"name":"a","managedFields":[5]}}', 400),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(asked: Asked, body: bytes, code: int) -> None:
    answer = asked.ask("POST", CONFIG_MAPS, body)
    assert (answer.code, answer.json["kind"], answer.json["code"]) == (code, "Status", code)
    assert asked.ask("GET", f"{CONFIG_MAPS}/a").code == 404


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("replicas", "3"), ("replicas", 2**31), ("replicas", 1.5), ("replicas", True), ("replicas", -1),
        ("template", []), ("template", {"spec": {"containers": {}}}), ("template", {"spec": {"containers": [None]}}),
        ("template", {"metadata": [], "spec": None}), ("selector", {"matchLabels": {"app": 5}}), ("selector", None),
        ("selector", {"matchExpressions": [{"key": "app", "operator": "Near"}]}), ("minReadySeconds", 10**30),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_or_size_is_refused(asked: Asked, at: str, value: Any) -> None:
    body = deployment("wrong")
    body["spec"][at] = value
    assert asked.ask("POST", f"{APPS}/deployments", body).code in (400, 422)
    patched = asked.ask("PATCH", f"{APPS}/deployments/web", [{"op": "add", "path": f"/spec/{at}", "value": value}],
                        kind=JSON_PATCH)  # fmt: skip
    assert patched.code == 422


def test_a_null_is_as_if_it_were_not_there(asked: Asked) -> None:
    body = deployment("nulls", env=None, ports=None)
    body["spec"]["strategy"] = None
    body["metadata"]["namespace"] = None
    body["spec"]["template"]["metadata"]["labels"]["empty"] = None
    made = asked.make(f"{APPS}/deployments", **body)
    assert made["spec"]["strategy"]["type"] == "RollingUpdate"
    assert made["spec"]["template"]["metadata"]["labels"]["empty"] == ""
    assert "env" not in made["spec"]["template"]["spec"]["containers"][0]


def test_a_status_of_the_wrong_shape_never_reaches_a_controller(asked: Asked) -> None:
    path = f"{APPS}/deployments/web/status"
    for status in ("x", [None], {"conditions": "x"}, {"conditions": [5]}, {"observedGeneration": "x"}):
        assert asked.ask("PATCH", path, {"status": status}, kind=MERGE).code == 422
    answer = asked.ask("PATCH", path, {"status": {"conditions": [None]}}, kind=MERGE)
    assert answer.json["status"]["conditions"] == [{"type": "", "status": ""}]


@pytest.mark.parametrize(
    ("patch", "kind", "code"),
    [
        ([{"op": "test", "path": "/data/a", "value": "c"}], JSON_PATCH, 422),
        ([{"op": "add", "path": "/metadata/labels/x", "value": "1"}], JSON_PATCH, 422),
        ([{"op": "remove", "path": "/data/zzz"}], JSON_PATCH, 422),
        ([{"op": "move", "from": "/data", "path": "/data/x"}], JSON_PATCH, 422),
        ([{"op": "copy"}], JSON_PATCH, 422), ([None], JSON_PATCH, 422), ({}, JSON_PATCH, 400),
        ([{"op": "replace", "path": "", "value": 5}], JSON_PATCH, 400),
        ([{"op": "test", "path": "/kind", "value": "ConfigMap"}] * 10_001, JSON_PATCH, 413),
        ([{"op": "copy", "from": "/data", "path": f"/data/{n}"} for n in range(40)], JSON_PATCH, 422),
        ({"data": []}, MERGE, 422), ([], MERGE, 400), ({"metadata": None}, MERGE, 400), ({"data": 5}, STRATEGIC, 422),
        ({"metadata": {"name": "other"}}, MERGE, 400), ({"metadata": {"resourceVersion": "1"}}, MERGE, 409),
        ({"metadata": {"uid": "another"}}, STRATEGIC, 409), ({"data": {"$patch": "shuffle"}}, STRATEGIC, 400),
        ({"data": {}}, "application/json", 415), ({"data": {}}, "application/apply-patch+cbor", 415),
        ({"data": {}}, APPLY, 400),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_done_changes_nothing(asked: Asked, patch: Any, kind: str, code: int) -> None:
    before = asked.ask("GET", f"{CONFIG_MAPS}/kept").json
    answer = asked.ask("PATCH", f"{CONFIG_MAPS}/kept", patch, kind=kind)
    assert (answer.code, answer.json["kind"]) == (code, "Status")
    assert asked.ask("GET", f"{CONFIG_MAPS}/kept").json == before


def test_yaml_is_read_as_json_would_say_it_and_not_multiplied(asked: Asked) -> None:
    path = f"{CONFIG_MAPS}/yaml"
    assert asked.ask("PATCH", path, aliases(), kind=APPLY, fieldManager="x").code == 400
    assert asked.ask("PATCH", path, b"a: [", kind=APPLY, fieldManager="x").code == 400
    text = b"apiVersion: v1\nkind: ConfigMap\ndata: {7: x, when: 2026-01-01, true: y}\n"
    answer = asked.ask("PATCH", path, text, kind=APPLY, fieldManager="x")
    assert answer.json["data"] == {"7": "x", "when": "2026-01-01", "true": "y"}


def test_half_a_surrogate_pair_is_replaced(asked: Asked) -> None:
    answer = asked.ask("POST", CONFIG_MAPS, b'{"metadata":{"name":"half"},"data":{"x":"a\\ud800b"}}')
    assert answer.json["data"]["x"] == "a�b"


@pytest.mark.parametrize(
    "query",
    [
        "limit=%C2%B2", "limit=x", "limit=-1", "continue=x", "labelSelector=a%20in", "labelSelector=!!",
        "labelSelector=a%3E" + "9" * 5000, "fieldSelector=data.a=b", "fieldSelector=x", "watch=1&resourceVersion=x",
        "watch=1&timeoutSeconds=x", "continue=" + base64.urlsafe_b64encode(b"[" * 30_000).decode(),
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_refused(asked: Asked, query: str) -> None:
    answer = asked.ask("GET", f"{CONFIG_MAPS}?{query}")
    assert (answer.code, answer.json["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"{CONFIG_MAPS}/..", 404), ("GET", f"{CONFIG_MAPS}/%2e%2e%2fsecrets", 404), ("GET", "/nothing", 404),
        ("GET", f"{CONFIG_MAPS}/a/b/c", 404), ("GET", "/api/v1/pods/x", 404), ("POST", "/version", 405),
        ("OPTIONS", "/version", 405), ("BREW", CONFIG_MAPS, 405), ("DELETE", "/api/v1/pods", 405),
        ("DELETE", "/api/v1/namespaces", 405), ("POST", f"{CONFIG_MAPS}/kept", 405), ("PUT", CONFIG_MAPS, 405),
        ("GET", f"{CONFIG_MAPS}/kept/status", 405), ("POST", f"{SHOP}/pods/x/exec", 405),
        ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews", 405),
    ],
)  # fmt: skip
def test_a_path_or_method_that_is_not_served_is_refused(asked: Asked, method: str, path: str, code: int) -> None:
    assert asked.ask(method, path, {} if method in ("POST", "PUT") else None).code == code


def test_a_definition_that_would_take_the_place_of_a_built_in_kind_is_refused(asked: Asked) -> None:
    names = {"plural": "deployments", "kind": "Deployment"}
    version = {"name": "v1", "served": True, "storage": True}
    spec = {"group": "apps", "scope": "Namespaced", "names": names, "versions": [version]}
    body = {"metadata": {"name": "deployments.apps"}, "spec": spec}
    assert asked.ask("POST", DEFINITIONS, body).code == 422
    for broken in ({"shortNames": 5}, {"kind": None}):
        spec = {**spec, "group": "example.org", "names": names | broken}
        assert asked.ask("POST", DEFINITIONS, {"metadata": {"name": "deployments.example.org"}, "spec": spec}).code in (
            400,
            422,
        )
    assert asked.ask("GET", f"{APPS}/deployments/web").code == 200


def test_a_custom_kind_may_have_the_name_of_a_built_in_one(asked: Asked) -> None:
    names = {"plural": "services", "kind": "Service"}
    versions = [{"name": "v1", "served": True, "storage": True}]
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    asked.make(DEFINITIONS, metadata={"name": "services.example.com"}, spec=spec)
    path = "/apis/example.com/v1/namespaces/shop/services"
    made = asked.make(path, apiVersion="example.com/v1", kind="Service", metadata={"name": "x"}, spec={"ports": "many"})
    assert made["spec"] == {"ports": "many"}
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    assert [one["name"] for one in asked.ask("GET", path, headers=accept).json["columnDefinitions"]] == ["Name", "Age"]


def test_a_binding_that_names_no_kind_cannot_lock_everybody_out(asked: Asked) -> None:
    body: dict[str, Any] = {"metadata": {"name": "b"}, "roleRef": {"name": "view"}, "subjects": [None]}
    assert asked.ask("POST", f"{RBAC}/clusterrolebindings", body).code == 422
    assert asked.ask("GET", CONFIG_MAPS, headers={"impersonate-user": "nobody"}).code == 403


def test_many_unknown_fields_are_answered_with_few_warnings(asked: Asked) -> None:
    body = {"metadata": {"name": "odd"}} | {f"field{n}": 1 for n in range(500)}
    warned = asked.ask("POST", CONFIG_MAPS, body, fieldValidation="Warn")
    assert warned.code == 201
    assert 0 < sum(name == "warning" for name, _ in warned.headers) < 50
    strict = asked.ask("POST", CONFIG_MAPS, {**body, "metadata": {"name": "stricter"}}, fieldValidation="Strict")
    assert strict.code == 400
    assert "unknown field" in json.dumps(strict.json)
