"""The roles of every cluster: as Kubernetes has them, and brought up to date in a cluster that was kept."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.default_roles import bootstrap_roles
from flowdrill.cluster.api.resource_types import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Json
from tests.unit.cluster.api.asking import RBAC, Asked

AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
EXTRA = {"apiGroups": ["example.org"], "resources": ["things"], "verbs": ["get"]}


@pytest.fixture
def asked() -> Asked:
    return Asked()


def role(asked: Asked, name: str = "view") -> Json:
    return asked.objects.get(CLUSTER_ROLES, None, name)


def edit(asked: Asked, name: str = "view", **content: Any) -> None:
    annotations = content.pop("annotations", None)

    def change(one: Json) -> None:
        one.update(content)
        if annotations is not None:
            one["metadata"]["annotations"] = annotations

    asked.objects.change(CLUSTER_ROLES, None, name, change)


def test_a_kept_cluster_gets_the_rules_that_it_lacks_and_loses_none(asked: Asked) -> None:
    rules = role(asked)["rules"]
    edit(asked, rules=[*rules[:2], EXTRA])
    asked.objects.change(CLUSTER_ROLE_BINDINGS, None, "system:discovery", lambda one: one.update(subjects=[]))
    bootstrap_roles(asked.objects)
    assert [one for one in rules if one not in role(asked)["rules"]] == []
    assert EXTRA in role(asked)["rules"]
    (subject,) = asked.objects.get(CLUSTER_ROLE_BINDINGS, None, "system:discovery")["subjects"]
    assert subject["name"] == "system:authenticated"


def test_a_role_that_says_so_is_left_as_it_is(asked: Asked) -> None:
    edit(asked, rules=[EXTRA], annotations={AUTOUPDATE: "false"})
    bootstrap_roles(asked.objects)
    assert role(asked)["rules"] == [EXTRA]


def test_a_role_of_somebody_with_the_same_name_is_left_as_it_is(asked: Asked) -> None:
    asked.objects.delete(CLUSTER_ROLES, None, "view")
    asked.make(f"{RBAC}/clusterroles", metadata={"name": "view"}, rules=[EXTRA])
    bootstrap_roles(asked.objects)
    assert role(asked)["rules"] == [EXTRA]


def test_a_role_from_before_the_annotation_is_made_anew(asked: Asked) -> None:
    rules = role(asked)["rules"]
    edit(asked, rules=[EXTRA], annotations={})
    bootstrap_roles(asked.objects)
    assert role(asked)["rules"] == rules
    assert role(asked)["metadata"]["annotations"] == {AUTOUPDATE: "true"}


def test_a_start_without_news_writes_nothing(asked: Asked) -> None:
    before = asked.objects.store.revision
    bootstrap_roles(asked.objects)
    assert asked.objects.store.revision == before


@pytest.mark.parametrize(
    ("name", "verb", "resource", "allowed"),
    [
        ("view", "list", "resourcequotas", True), ("view", "list", "limitranges", True),
        ("view", "get", "autoscaling/horizontalpodautoscalers", True), ("view", "get", "secrets", False),
        ("view", "list", "policy/poddisruptionbudgets", True), ("view", "patch", "apps/deployments", False),
        ("edit", "patch", "apps/deployments", True), ("edit", "patch", "apps/deployments/status", False),
        ("edit", "delete", "apps/controllerrevisions", False), ("edit", "get", "apps/controllerrevisions", True),
        ("edit", "create", "resourcequotas", False), ("edit", "patch", "policy/poddisruptionbudgets", True),
        ("edit", "create", "rbac.authorization.k8s.io/roles", False), ("edit", "get", "secrets", True),
        ("admin", "create", "rbac.authorization.k8s.io/roles", True), ("admin", "delete", "namespaces", False),
        ("admin", "create", "admissionregistration.k8s.io/validatingwebhookconfigurations", False),
    ],
)  # fmt: skip
def test_view_edit_and_admin_may_what_they_may_on_kubernetes(
    asked: Asked, name: str, verb: str, resource: str, allowed: bool
) -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    path = f"{RBAC}/namespaces/shop/rolebindings"
    asked.make(path, metadata={"name": "x"}, roleRef=reference, subjects=[{"kind": "User", "name": "ann"}])
    group, _, rest = ("", "", resource) if resource in _CORE else resource.partition("/")
    plural, _, below = rest.partition("/")
    wanted = {"namespace": "shop", "verb": verb, "group": group, "resource": plural, "subresource": below}
    body = {"spec": {"user": "ann", "resourceAttributes": wanted}}
    answer = asked.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert answer.json["status"]["allowed"] is allowed


_CORE = ("resourcequotas", "limitranges", "secrets", "namespaces")
