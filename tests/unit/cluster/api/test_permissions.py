"""Who may do what: rules, reviews, acting for others, and that nobody gives away what they do not have."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.authorization import Attributes, covers_all
from flowdrill.cluster.api.resource_types import Json
from tests.unit.cluster.api.asking import APPLY, APPS, MERGE, RBAC, SHOP, Asked, deployment, rule

ACCESS = "/apis/authorization.k8s.io/v1"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
EVERYTHING = rule("*", "*", "*")


@pytest.fixture
def asked() -> Asked:
    return Asked()


def may(asked: Asked, user: str, **attributes: str) -> bool:
    spec = {"user": user, "resourceAttributes": {"namespace": "shop", **attributes}}
    return bool(asked.ask("POST", f"{ACCESS}/subjectaccessreviews", {"spec": spec}).json["status"]["allowed"])


@pytest.mark.parametrize(
    ("given", "attributes", "allowed"),
    [
        (rule("get", "pods"), {"verb": "get", "resource": "pods"}, True),
        (rule("get", "pods"), {"verb": "list", "resource": "pods"}, False),
        (rule("get", "pods"), {"verb": "get", "resource": "pods", "subresource": "log"}, False),
        (rule("get", "pods/log"), {"verb": "get", "resource": "pods", "subresource": "log"}, True),
        (rule("get", "pods/log"), {"verb": "get", "resource": "pods"}, False),
        (rule("get", "pods"), {"verb": "get", "resource": "pods", "group": "apps"}, False),
        (rule("get", "pods"), {"verb": "get", "resource": "pods", "namespace": "default"}, False),
        (rule("get", "pods"), {"verb": "get", "resource": "pods", "namespace": ""}, False),
        (rule("*", "pods"), {"verb": "made-up", "resource": "pods"}, True),
        (rule("get", "*"), {"verb": "get", "resource": "pods", "subresource": "log"}, True),
        (rule("update", "*/scale", "apps"), {"verb": "update", "resource": "deployments", "group": "apps"}, False),
        (rule("update", "*/scale", "apps"),
         {"verb": "update", "resource": "deployments", "group": "apps", "subresource": "scale"}, True),
        (rule("get", "pods", resourceNames=["a"]), {"verb": "get", "resource": "pods", "name": "a"}, True),
        (rule("get", "pods", resourceNames=["a"]), {"verb": "get", "resource": "pods", "name": "b"}, False),
        (rule("create", "pods", resourceNames=["a"]), {"verb": "create", "resource": "pods"}, False),
        (rule("get", "pods", nonResourceURLs=["/metrics"]), {"verb": "get", "resource": "secrets"}, False),
    ],
)  # fmt: skip
def test_a_rule_allows_what_it_says_and_nothing_else(
    asked: Asked, given: Json, attributes: dict[str, str], allowed: bool
) -> None:
    asked.may("ann", given)
    assert may(asked, "ann", **attributes) is allowed
    assert not may(asked, "bob", **attributes)


@pytest.mark.parametrize(
    ("urls", "path", "allowed"),
    [(["/metrics"], "/metrics", True), (["/metrics"], "/metrics/x", False), (["/logs/*"], "/logs/x", True),
     (["/logs/*"], "/logs", False), (["*"], "/anything", True)],
)  # fmt: skip
def test_paths_need_rules_of_the_whole_cluster(asked: Asked, urls: list[str], path: str, allowed: bool) -> None:
    asked.may("ann", {"verbs": ["get"], "nonResourceURLs": urls}, namespace=None)
    spec = {"user": "ann", "nonResourceAttributes": {"verb": "get", "path": path}}
    answer = asked.ask("POST", f"{ACCESS}/subjectaccessreviews", {"spec": spec})
    assert answer.json["status"]["allowed"] is allowed


def test_a_list_of_one_named_object_needs_permission_for_that_object_only(asked: Asked) -> None:
    ann = asked.may("ann", rule("list watch", "deployments", "apps", resourceNames=["web"]))
    path = f"{APPS}/deployments"
    assert asked.ask("GET", path, headers=ann, fieldSelector="metadata.name=web").code == 200
    for query in ({}, {"fieldSelector": "metadata.name=other"}, {"fieldSelector": "metadata.name!=web"}):
        assert asked.ask("GET", path, headers=ann, **query).code == 403


def test_a_role_in_a_namespace_may_allow_to_read_that_namespace(asked: Asked) -> None:
    ann = asked.may("ann", rule("get", "namespaces"))
    assert asked.ask("GET", SHOP, headers=ann).code == 200
    assert asked.ask("GET", "/api/v1/namespaces/default", headers=ann).code == 403
    assert asked.ask("GET", "/api/v1/namespaces", headers=ann).code == 403


def test_what_is_below_one_kind_is_not_to_be_had_by_way_of_another(asked: Asked) -> None:
    ann = asked.may("ann", EVERYTHING)
    asked.make(f"{SHOP}/configmaps", metadata={"name": "kube-system"})
    before = asked.ask("GET", "/api/v1/namespaces/kube-system").json
    for method, below in (("PUT", "finalize"), ("POST", "binding"), ("POST", "token")):
        body = {"target": {"name": "x"}}
        assert asked.ask(method, f"{SHOP}/configmaps/kube-system/{below}", body, headers=ann).code == 405
    assert asked.ask("GET", "/api/v1/namespaces/kube-system").json == before


@pytest.mark.parametrize(
    ("headers", "needed"),
    [
        ({"impersonate-user": "bob"}, rule("impersonate", "users", resourceNames=["bob"])),
        ({"impersonate-user": "bob", "impersonate-group": "system:masters"}, rule("impersonate", "groups")),
        ({"impersonate-user": "bob", "impersonate-uid": "7"}, rule("impersonate", "uids", "authentication.k8s.io")),
        ({"impersonate-user": "bob", "impersonate-extra-team": "x"},
         rule("impersonate", "userextras/team", "authentication.k8s.io", resourceNames=["x"])),
    ],
)  # fmt: skip
def test_every_part_of_an_identity_must_be_allowed(asked: Asked, headers: dict[str, str], needed: Json) -> None:
    token = asked.token_of("agent")
    account = "system:serviceaccount:shop:agent"
    assert asked.ask("POST", SELF, {}, token=token, headers=headers).code == 403
    asked.may(account, rule("impersonate", "users", resourceNames=["bob"]), namespace=None)
    if len(headers) > 1:
        assert asked.ask("POST", SELF, {}, token=token, headers=headers).code == 403
    asked.may(account, needed, namespace=None)
    info = asked.ask("POST", SELF, {}, token=token, headers=headers).json["status"]["userInfo"]
    assert info["username"] == "bob"
    assert "system:authenticated" in info["groups"]
    assert info.get("uid") == headers.get("impersonate-uid")
    assert info.get("extra") == ({"team": ["x"]} if "impersonate-extra-team" in headers else None)


def test_an_account_that_is_acted_for_has_its_groups(asked: Asked) -> None:
    headers = {"impersonate-user": "system:serviceaccount:shop:agent"}
    info = asked.ask("POST", SELF, {}, headers=headers).json["status"]["userInfo"]
    assert info["groups"] == ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"]
    assert asked.ask("POST", SELF, {}, headers={"impersonate-group": "system:masters"}).code == 400
    assert asked.ask("GET", f"{SHOP}/pods", headers={"impersonate-user": "system:anonymous"}).code == 403


ROLES = f"{RBAC}/namespaces/shop/roles"
BINDINGS = f"{RBAC}/namespaces/shop/rolebindings"
WRITER = rule("create update patch", "roles rolebindings clusterroles", "rbac.authorization.k8s.io")


@pytest.mark.parametrize(
    ("given", "code"),
    [(rule("get", "pods"), 201), (rule("get", "pods", resourceNames=["a"]), 201), (rule("get list", "pods"), 403),
     (rule("get", "pods/log"), 403), (rule("*", "pods"), 403), (rule("get", "*"), 403), (EVERYTHING, 403)],
)  # fmt: skip
def test_nobody_gives_away_what_they_do_not_have(asked: Asked, given: Json, code: int) -> None:
    ann = asked.may("ann", WRITER, rule("get", "pods"))
    body = {"metadata": {"name": "new"}, "rules": [given]}
    assert asked.ask("POST", ROLES, body, headers=ann).code == code
    asked.make(ROLES, metadata={"name": "old"}, rules=[given])
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "old"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [{"kind": "User", "name": "ann"}]}
    assert asked.ask("POST", BINDINGS, binding, headers=ann).code == code
    asked.may("ann", rule("bind escalate", "roles", "rbac.authorization.k8s.io"))
    assert asked.ask("POST", BINDINGS, binding | {"metadata": {"name": "c"}}, headers=ann).code == 201
    assert (
        asked.ask("PUT", f"{ROLES}/old", {"metadata": {"name": "old"}, "rules": [EVERYTHING]}, headers=ann).code == 200
    )


def test_a_role_that_is_not_there_yet_cannot_be_given(asked: Asked) -> None:
    ann = asked.may("ann", WRITER)
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "coming"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [{"kind": "User", "name": "ann"}]}
    assert asked.ask("POST", BINDINGS, binding, headers=ann).code == 403
    assert asked.ask("POST", BINDINGS, binding).code == 201, "but by an administrator"


def test_to_apply_something_new_needs_permission_to_create(asked: Asked) -> None:
    ann = asked.may("ann", rule("patch", "configmaps"))
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    path, how = f"{SHOP}/configmaps/new", {"kind": APPLY, "headers": ann, "fieldManager": "x"}
    assert asked.ask("PATCH", path, body, **how).code == 403
    asked.make(f"{SHOP}/configmaps", metadata={"name": "new"})
    assert asked.ask("PATCH", path, body, **how).code == 200


def test_a_role_that_gathers_others_needs_every_permission(asked: Asked) -> None:
    ann = asked.may("ann", WRITER, rule("get", "pods"), namespace=None)
    own = asked.ask("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "own"}, "rules": []}, headers=ann)
    assert own.code == 201
    gathering = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"kubernetes.io/bootstrapping": "x"}}]}}
    assert asked.ask("PATCH", f"{RBAC}/clusterroles/own", gathering, kind=MERGE, headers=ann).code == 403
    asked.may("root", EVERYTHING, {"verbs": ["*"], "nonResourceURLs": ["*"]}, namespace=None)
    answer = asked.ask("PATCH", f"{RBAC}/clusterroles/own", gathering, kind=MERGE, headers={"impersonate-user": "root"})
    assert answer.code == 200


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("subjectaccessreviews", {"user": "x"}), ("subjectaccessreviews", {"resourceAttributes": {}}),
        ("subjectaccessreviews", {"user": "x", "groups": 5, "resourceAttributes": {}}),
        ("subjectaccessreviews", {"user": "x", "resourceAttributes": {}, "nonResourceAttributes": {}}),
        ("subjectaccessreviews", [1]), ("selfsubjectaccessreviews", "x"), ("selfsubjectaccessreviews", {}),
        ("namespaces/shop/localsubjectaccessreviews", {"user": "x", "resourceAttributes": {"namespace": "default"}}),
        ("namespaces/shop/localsubjectaccessreviews", {"user": "x", "nonResourceAttributes": {"path": "/"}}),
    ],
)  # fmt: skip
def test_a_review_that_asks_nothing_clear_is_refused(asked: Asked, kind: str, spec: Any) -> None:
    assert asked.ask("POST", f"{ACCESS}/{kind}", {"spec": spec}).code in (400, 422)


def test_a_refusal_says_who_may_not_do_what_where(asked: Asked) -> None:
    asked.make(f"{APPS}/deployments", **deployment("web"))
    answer = asked.ask("PUT", f"{APPS}/deployments/web/scale", {}, headers={"impersonate-user": "ann"})
    assert answer.json["message"] == (
        'deployments.apps "web" is forbidden: User "ann" cannot update resource "deployments/scale" in API group '
        '"apps" in the namespace "shop"'
    )


def test_having_everything_covers_all_and_nothing_covers_only_nothing() -> None:
    urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    wanted = [rule("get", "pods"), rule("*", "*", "*"), {"verbs": ["get"], "nonResourceURLs": ["/x/*"]}]
    assert covers_all([EVERYTHING, urls], wanted)
    assert not covers_all([EVERYTHING], wanted)
    assert covers_all([], [])
    assert Attributes("get", resource="pods", subresource="log").full_resource == "pods/log"
