"""The roles every cluster has, and who has them."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, Json, ResourceType

_RBAC = "rbac.authorization.k8s.io"
_BOOTSTRAPPING, _AUTOUPDATE = "kubernetes.io/bootstrapping", "rbac.authorization.kubernetes.io/autoupdate"
_READ, _WRITE = ["get", "list", "watch"], ["create", "delete", "deletecollection", "patch", "update"]
_CORE = ["configmaps", "persistentvolumeclaims", "serviceaccounts", "services"]
_APPS = ["deployments", "deployments/scale", "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale"]
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC]


def _rule(groups: list[str], resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": groups, "resources": resources, "verbs": verbs}


_VIEW = [
    _rule([""], [*_CORE, "endpoints", "persistentvolumeclaims/status", "pods", "services/status"], _READ),
    _rule(
        [""], ["bindings", "events", "limitranges", "namespaces/status", "pods/log", "pods/status", "resourcequotas",
               "resourcequotas/status"], _READ,
    ),
    _rule([""], ["namespaces"], _READ),
    _rule(["discovery.k8s.io"], ["endpointslices"], _READ),
    _rule(
        ["apps"], [*_APPS, "controllerrevisions", "deployments/status", "replicasets/status", "statefulsets/status"],
        _READ,
    ),
    _rule(["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], _READ),
    _rule(["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"], _READ),
]  # fmt: skip
_POD_CONNECTIONS = ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"]
_EDIT = [
    *_VIEW,
    _rule([""], [*_POD_CONNECTIONS, "secrets", "services/proxy"], _READ),
    _rule([""], ["serviceaccounts"], ["impersonate"]),
    _rule([""], ["pods", *_POD_CONNECTIONS], _WRITE),
    _rule([""], ["pods/eviction", "serviceaccounts/token"], ["create"]),
    _rule([""], [*_CORE, "secrets", "services/proxy"], _WRITE),
    _rule([""], ["events"], _WRITE),
    _rule(["apps"], [*_APPS, "deployments/rollback"], _WRITE),
    _rule(["autoscaling"], ["horizontalpodautoscalers"], _WRITE),
    _rule(["policy"], ["poddisruptionbudgets"], _WRITE),
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
    """Make them where they are not there yet; give those that say they are to be kept up to date the rules and the
    subjects that they lack, and take none away."""
    for name, rules in _ROLES.items():
        _bring(objects, CLUSTER_ROLES, name, {"rules": rules}, "rules")
    for name, groups in _BINDINGS.items():
        reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
        _bring(objects, CLUSTER_ROLE_BINDINGS, name, {"roleRef": reference, "subjects": _groups(groups)}, "subjects")


def _groups(names: Iterable[str]) -> list[Json]:
    return [{"apiGroup": _RBAC, "kind": "Group", "name": name} for name in names]


def _bring(objects: Objects, resource: ResourceType, name: str, content: Json, part: str) -> None:
    known = objects.find(resource, None, name)
    if known is None:
        meta = {"name": name, "labels": {_BOOTSTRAPPING: "rbac-defaults"}, "annotations": {_AUTOUPDATE: "true"}}
        objects.create(
            resource, {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta} | content
        )
        return
    if not _is_kept_current(known):
        return
    meta = known["metadata"]
    annotations = (meta.get("annotations") or {}) | {_AUTOUPDATE: "true"}
    # What has no annotation was made by a flowdrill that did not write it, and may hold more than Kubernetes gives.
    held = (known.get(part) or []) if _AUTOUPDATE in (meta.get("annotations") or {}) else []
    new = [*held, *(one for one in content[part] if one not in held)]

    def edit(one: Json) -> None:
        one[part], one["metadata"]["annotations"] = new, annotations

    objects.change(resource, None, name, edit)


def _is_kept_current(known: Json) -> bool:
    """Whether a role is the cluster's own and to be kept up to date."""
    meta = known["metadata"]
    own = (meta.get("labels") or {}).get(_BOOTSTRAPPING) == "rbac-defaults"
    return own and (meta.get("annotations") or {}).get(_AUTOUPDATE, "true") == "true"
