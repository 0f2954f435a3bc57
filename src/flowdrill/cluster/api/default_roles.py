"""The roles every cluster has, and who has them."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Json, ResourceType

_RBAC = "rbac.authorization.k8s.io"
_READ, _WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
_CORE = ["configmaps", "endpoints", "events", "pods", "pods/log", "pods/status", "services", "serviceaccounts",
         "persistentvolumeclaims"]  # fmt: skip
_APPS = [
    "controllerrevisions", "deployments", "deployments/scale", "deployments/status", "replicasets",
    "replicasets/scale", "replicasets/status", "statefulsets", "statefulsets/scale", "statefulsets/status",
]  # fmt: skip
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC]


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


_VIEW = [
    _rule([""], [*_CORE, "namespaces", "persistentvolumeclaims/status"], _READ),
    _rule(["apps"], _APPS, _READ),
    _rule(["discovery.k8s.io"], ["endpointslices"], _READ),
]
_EDIT = [
    *_VIEW,
    _rule([""], ["secrets"], _READ),
    _rule([""], [*_CORE, "secrets", "pods/exec", "serviceaccounts/token"], _WRITE),
    _rule([""], ["serviceaccounts"], ["impersonate"]),
    _rule(["apps"], _APPS, _WRITE),
    _rule(["coordination.k8s.io"], ["leases"], [*_READ, *_WRITE]),
]
_ADMIN = [
    *_EDIT,
    _rule([_RBAC], ["roles", "rolebindings"], [*_READ, *_WRITE]),
    _rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
]
_SELF_REVIEWS = [
    _rule(["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], ["create"]),
    _rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
]
_ROLES: dict[str, list[Json]] = {
    "cluster-admin": [_rule(["*"], ["*"], ["*"]), {"nonResourceURLs": ["*"], "verbs": ["*"]}],
    "admin": _ADMIN,
    "edit": _EDIT,
    "view": _VIEW,
    "system:basic-user": _SELF_REVIEWS,
    "system:discovery": [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}],
    "system:public-info-viewer": [{"nonResourceURLs": _PUBLIC, "verbs": ["get"]}],
}
_BINDINGS = {
    "cluster-admin": ["system:masters"],
    "system:basic-user": ["system:authenticated"],
    "system:discovery": ["system:authenticated"],
    "system:public-info-viewer": ["system:authenticated", "system:unauthenticated"],
}


def bootstrap_roles(objects: Objects) -> None:
    """Make them where they are not there yet."""
    for name, rules in _ROLES.items():
        _make(objects, CLUSTER_ROLES, name, {"rules": rules})
    for name, groups in _BINDINGS.items():
        reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
        _make(objects, CLUSTER_ROLE_BINDINGS, name, {"roleRef": reference, "subjects": _groups(groups)})


def _groups(names: Iterable[str]) -> list[Json]:
    return [{"apiGroup": _RBAC, "kind": "Group", "name": name} for name in names]


def _make(objects: Objects, resource: ResourceType, name: str, content: Json) -> None:
    if objects.find(resource, None, name) is None:
        labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
        head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name, "labels": labels}}
        objects.create(resource, head | content)
