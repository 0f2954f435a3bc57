"""Least-privilege manifests for `kubectl apply`: the rules that preflight asks about, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.access_needs import Need
from flowdrill.model.access import GROUP, AccessQuestion, Subject
from flowdrill.model.drill import Target

_RBAC = "rbac.authorization.k8s.io"
_VERBS = ("get", "list", "watch", "create", "patch", "delete", "bind", "impersonate")
_WITHOUT = "without it less can be looked at, and no model provider be started; the drill still runs"
_MANAGED = {"app.kubernetes.io/managed-by": "flowdrill"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a Role, and what it is for."""

    group: str
    resource: str  # with its subresource: pods/log
    name: str  # "": every object
    verbs: tuple[str, ...]
    needed_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleManifest:
    """A Role (or, without a namespace, a ClusterRole) and its binding."""

    name: str
    namespace: str
    rules: tuple[Rule, ...]
    says: str = ""


def roles_for(role: str, target: Target, needs: Iterable[Need]) -> tuple[RoleManifest, ...]:
    """Return the roles that grant `needs`: what is optional in roles of its own, so that it can be left out."""
    name = f"flowdrill-{role}-{target.kind}-{target.name}"
    grouped: dict[tuple[bool, str], list[AccessQuestion]] = {}
    for need in needs:
        grouped.setdefault((need.optional, need.question.namespace), []).append(need.question)
    return tuple(
        RoleManifest(
            name=f"{name if namespace else f'{name}-{target.namespace}'}{'-optional' if optional else ''}",
            namespace=namespace,
            rules=_rules(questions),
            says="without it less can be looked at, and no model provider be started; the drill still runs"
            if optional
            else "",
        )
        for (optional, namespace), questions in sorted(grouped.items())
    )


def rbac_manifests(roles: Sequence[RoleManifest], subject: str, *, makes_account: bool, intro: str) -> str:
    """Return YAML documents: the service account where it is to be made, and each role with its binding to `subject`
    (a user, a service account's user name, or `group:NAME`)."""
    account = Subject(subject).service_account
    head = [f"# {intro}"]
    documents = []
    if makes_account and account is not None:
        documents.append(_account(*account))
    for role in roles:
        documents += [_role(role), _binding(role, subject)]
    return "\n".join([*head, "---\n" + "---\n".join(documents)])


def objects_of(roles: Sequence[RoleManifest], subject: str, *, makes_account: bool) -> list[dict[str, Any]]:
    """Return the same as plain objects."""
    account = Subject(subject).service_account
    made: list[dict[str, Any]] = []
    if makes_account and account is not None:
        namespace, name = account
        meta = {"name": name, "namespace": namespace, "labels": _MANAGED}
        made.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    for role in roles:
        kind = "Role" if role.namespace else "ClusterRole"
        meta = {"name": role.name, **({"namespace": role.namespace} if role.namespace else {}), "labels": _MANAGED}
        rules = [_rule_object(rule) for rule in role.rules]
        made.append({"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": meta, "rules": rules})
        made.append(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": f"{kind}Binding",
                "metadata": meta,
                "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role.name},
                "subjects": [_subject(subject)],
            }
        )
    return made


def _rules(questions: Iterable[AccessQuestion]) -> tuple[Rule, ...]:
    """One rule for each resource and name, its verbs in the order in which people write them."""
    merged: dict[tuple[str, str, str], dict[str, str]] = {}
    for one in questions:
        resource = f"{one.resource}/{one.subresource}" if one.subresource else one.resource
        merged.setdefault((one.group, resource, one.name), {})[one.verb] = one.needed_for
    return tuple(
        Rule(*key, tuple(sorted(verbs, key=_VERBS.index)), tuple(dict.fromkeys(verbs.values())))
        for key, verbs in merged.items()
    )


def _rule_object(rule: Rule) -> dict[str, Any]:
    named = {"resourceNames": [rule.name]} if rule.name else {}
    return {"apiGroups": [rule.group], "resources": [rule.resource], **named, "verbs": list(rule.verbs)}


def _subject(subject: str) -> dict[str, str]:
    account = Subject(subject).service_account
    if account is not None:
        return {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
    if subject.startswith(GROUP):
        return {"apiGroup": _RBAC, "kind": "Group", "name": subject.removeprefix(GROUP)}
    return {"apiGroup": _RBAC, "kind": "User", "name": subject}


def _text(value: object) -> str:
    """A value as YAML has it: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _account(namespace: str, name: str) -> str:
    return (
        f"apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {_text(name)}\n  namespace: {_text(namespace)}\n"
        f"  labels: {_text(_MANAGED)}\n"
    )


def _meta(role: RoleManifest) -> str:
    namespace = f"  namespace: {_text(role.namespace)}\n" if role.namespace else ""
    return f"metadata:\n  name: {_text(role.name)}\n{namespace}  labels: {_text(_MANAGED)}\n"


def _role(role: RoleManifest) -> str:
    kind = "Role" if role.namespace else "ClusterRole"
    says = f"# {role.says}\n" if role.says else ""
    lines = [f"{says}apiVersion: {_RBAC}/v1\nkind: {kind}\n{_meta(role)}rules:"]
    for rule in role.rules:
        lines.append(f"  # {'; '.join(rule.needed_for)}")
        lines.append(f"  - {_text(_rule_object(rule))}")
    return "\n".join(lines) + "\n"


def _binding(role: RoleManifest, subject: str) -> str:
    kind = "Role" if role.namespace else "ClusterRole"
    reference = {"apiGroup": _RBAC, "kind": kind, "name": role.name}
    return (
        f"apiVersion: {_RBAC}/v1\nkind: {kind}Binding\n{_meta(role)}roleRef: {_text(reference)}\n"
        f"subjects:\n  - {_text(_subject(subject))}\n"
    )
