"""Who may do what on the cluster: the questions, and what the API server's authorizers answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GROUP = "group:"  # before a group's name, where either a user or a group may be named
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Subject:
    """An identity, as the API server knows one: a user name (`system:serviceaccount:NAMESPACE:NAME` for a service
    account) and the groups it is in."""

    user: str
    groups: tuple[str, ...] = ()

    @property
    def service_account(self) -> tuple[str, str] | None:
        """The namespace and the name of a service account; None for any other user."""
        if not self.user.startswith(_ACCOUNT):
            return None
        namespace, _, name = self.user.removeprefix(_ACCOUNT).partition(":")
        return (namespace, name) if namespace and name and ":" not in name else None

    @property
    def is_misspelt(self) -> bool:
        """Whether it looks like a service account, or a group, and names none."""
        return self.user == GROUP or (self.user.startswith(_ACCOUNT) and self.service_account is None)


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """May somebody do this? The fields of a SubjectAccessReview's `resourceAttributes`; "" is all, or none."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""  # "": at the cluster's scope
    name: str = ""
    needed_for: str = ""  # in plain words

    @property
    def full_resource(self) -> str:
        """`deployments.apps`, `pods/log`: as kubectl names it."""
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{resource}.{self.group}" if self.group else resource


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """What the authorizers say. `granted_by` names the binding where they do: `RoleBinding "x/ns" of Role "y"`."""

    question: AccessQuestion
    allowed: bool | None  # None: it could not be found out
    granted_by: str = ""  # or why it could not be found out


class Actor(StrEnum):
    """Who sends a request: flowdrill itself, or whoever would roll back."""

    HARNESS = "harness"
    RESPONDER = "responder"
