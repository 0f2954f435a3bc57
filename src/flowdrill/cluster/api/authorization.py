"""What an identity may do: roles and bindings, looked at on every request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowdrill.cluster.api.authentication import User, account_of
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Json,
)
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.api.status_error import StatusError

MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for. `path` alone for a request that is about no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods`, `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and by what."""

    allowed: bool
    reason: str = ""


class Authorizer:
    """Role-based access control over the roles that are there now."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def decide(self, user: User, asked: Attributes) -> Decision:
        """Return whether `user` may do what is asked."""
        if MASTERS in user.groups:
            return Decision(True)
        missing: list[str] = []
        for rule, why in self._rules(user, asked.namespace, missing):
            if _covers(rule, asked):
                return Decision(True, why)
        listed = list(dict.fromkeys(missing))
        return Decision(False, f"RBAC: {_all(listed)}" if listed else "")

    def rules_of(self, user: User, namespace: str) -> list[Json]:
        """Return every rule that holds for a user in a namespace."""
        if MASTERS in user.groups:
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            return [everything, {"verbs": ["*"], "nonResourceURLs": ["*"]}]
        return [rule for rule, _ in self._rules(user, namespace, [])]

    def rules_of_role(self, role: Json) -> list[Json]:
        """Return a role's rules, gathered from others when it is an aggregated one."""
        selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
        if not selectors:
            return list(role.get("rules") or ())
        wanted = [label_selector_of(one) for one in selectors]
        chosen = [
            one
            for one in self._objects.store.all(CLUSTER_ROLES)
            if one["metadata"]["name"] != role["metadata"]["name"]
            and any(selector.matches(one["metadata"].get("labels")) for selector in wanted)
        ]
        return [rule for one in chosen for rule in one.get("rules") or ()]

    def _rules(self, user: User, namespace: str, missing: list[str]) -> Iterator[tuple[Json, str]]:
        """Yield every rule and what grants it; put the roles that are bound but not there into `missing`."""
        store = self._objects.store
        for binding in store.all(CLUSTER_ROLE_BINDINGS):
            yield from self._granted(binding, user, None, missing)
        if namespace:
            for binding in store.all(ROLE_BINDINGS, namespace):
                yield from self._granted(binding, user, namespace, missing)

    def _granted(
        self, binding: Json, user: User, namespace: str | None, missing: list[str]
    ) -> Iterator[tuple[Json, str]]:
        subject = next((one for one in binding.get("subjects") or () if _is(one, user, namespace)), None)
        if subject is None:
            return
        reference = binding["roleRef"]
        in_cluster = reference["kind"] == "ClusterRole"
        role = self._objects.find(CLUSTER_ROLES if in_cluster else ROLES, None if in_cluster else namespace,
                                  reference["name"])  # fmt: skip
        if role is None:
            kind = CLUSTER_ROLES if in_cluster else ROLES
            missing.append(f'{kind.singular}.{kind.group} "{reference["name"]}" not found')
            return
        name = binding["metadata"]["name"] + (f"/{namespace}" if namespace else "")
        bound = "RoleBinding" if namespace else "ClusterRoleBinding"
        whose = f"/{subject.get('namespace') or namespace}" if subject["kind"] == "ServiceAccount" else ""
        to = f'{subject["kind"]} "{subject["name"]}{whose}"'
        why = f'RBAC: allowed by {bound} "{name}" of {reference["kind"]} "{reference["name"]}" to {to}'
        for rule in self.rules_of_role(role):
            yield rule, why


def forbidden(user: User, asked: Attributes, reason: str = "") -> StatusError:
    """Return the refusal, as the API words it."""
    why = f": {reason}" if reason else ""
    if asked.path:
        message = f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"{why}'
        return StatusError(403, "Forbidden", message, {})
    what = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    named = f'{what} "{asked.name}"' if asked.name else what
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    message = (
        f'{named} is forbidden: User "{user.name}" cannot {asked.verb} resource "{asked.full_resource}" '
        f'in API group "{asked.group}" {where}{why}'
    )
    details = {"name": asked.name, "group": asked.group, "kind": asked.resource}
    return StatusError(403, "Forbidden", message, {key: text for key, text in details.items() if text})


def _all(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def covers_all(held: list[Json], wanted: list[Json]) -> bool:
    """Return whether somebody who has the rules `held` has everything that `wanted` gives: nobody may give more."""
    return all(any(_covers(rule, one) for rule in held) for rule_wanted in wanted for one in _single(rule_wanted))


def _single(rule: Json) -> Iterator[Attributes]:
    for verb in rule.get("verbs") or ():
        for url in rule.get("nonResourceURLs") or ():
            yield Attributes(verb, path=url)
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                plain, _, subresource = resource.partition("/")
                for name in rule.get("resourceNames") or ("",):
                    yield Attributes(verb, group, plain, subresource, name=name)


def _is(subject: Json, user: User, namespace: str | None) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject.get("name") == user.name)
        case "Group":
            return subject.get("name") in user.groups
        case "ServiceAccount":
            return account_of(user.name) == (subject.get("namespace") or namespace, subject.get("name"))
    return False


def _covers(rule: Json, asked: Attributes) -> bool:
    if not {"*", asked.verb} & set(rule.get("verbs") or ()):
        return False
    if asked.path:
        return any(_url_matches(one, asked.path) for one in rule.get("nonResourceURLs") or ())
    names = rule.get("resourceNames")
    return (
        bool({"*", asked.group} & set(rule.get("apiGroups") or ()))
        and any(_resource_matches(one, asked) for one in rule.get("resources") or ())
        and (not names or asked.name in names)
    )


def _resource_matches(pattern: str, asked: Attributes) -> bool:
    return pattern in ("*", asked.full_resource) or bool(asked.subresource and pattern == f"*/{asked.subresource}")


def _url_matches(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))
