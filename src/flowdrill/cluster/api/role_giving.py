"""Nobody gives away what they do not have: writing roles and bindings needs their permissions."""

from __future__ import annotations

from flowdrill.cluster.api.authentication import User
from flowdrill.cluster.api.authorization import MASTERS, Attributes, Authorizer, covers_all
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Json,
    ResourceType,
)
from flowdrill.cluster.api.status_error import StatusError

_EVERYTHING = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]},
]  # fmt: skip


def check_given(
    objects: Objects, authorizer: Authorizer, user: User, resource: ResourceType, value: Json, namespace: str
) -> None:
    """StatusError 403 when a role or a binding would give more than its writer has."""
    if MASTERS in user.groups or resource not in (ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
        return
    verb, kind, name, rules = "escalate", resource, str(value["metadata"].get("name", "")), value.get("rules") or []
    if resource in (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS):
        reference = value.get("roleRef") or {}
        verb, name = "bind", str(reference.get("name", ""))
        kind = CLUSTER_ROLES if reference.get("kind") == "ClusterRole" else ROLES
        role = objects.find(kind, namespace if kind == ROLES else None, name)
        # Of a role that is not there yet nobody knows what it will give.
        rules = authorizer.rules_of_role(role) if role is not None else _EVERYTHING
    elif value.get("aggregationRule"):
        rules = [*rules, *_EVERYTHING]  # whoever labels a role could put anything into it
    asked = Attributes(verb, kind.group, kind.plural, namespace=namespace, name=name)
    if authorizer.decide(user, asked).allowed or covers_all(authorizer.rules_of(user, namespace), rules):
        return
    what = f'{resource.full_name} "{value["metadata"].get("name", "")}" is forbidden'
    message = f'{what}: user "{user.name}" is attempting to grant RBAC permissions not currently held'
    raise StatusError(403, "Forbidden", message, {"name": name, "group": resource.group, "kind": resource.plural})
