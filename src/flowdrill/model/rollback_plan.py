"""How a drill takes the way back: who decides, who does it, and by which strategy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from flowdrill.model.access import GROUP, Subject
from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict

_PATIENCE_SECONDS = 600.0


class Decider(StrEnum):
    """Who decides to roll back, and does it."""

    POLICY = "policy"  # the drill itself, as soon as the detectors say so that `detect.trigger` names
    HUMAN = "human"  # a game day: nobody is told, and the drill waits for somebody to act


class Strategy(StrEnum):
    """What is done to get the stable image back."""

    SET_IMAGE = "set-image"  # to the stable digest
    UNDO = "undo"  # to the revision that holds the stable template, as `kubectl rollout undo` does
    COMMAND = "command"  # the team's own script or pipeline trigger


class RollbackPlan(Strict):
    """The way back: to the stable image; by which strategy, and who takes it."""

    limit: Seconds = Field(default="300s", validate_default=True)
    by: Decider = Field(default=Decider.POLICY, description="human: a game day, in which people must notice and act")
    take_over_after: Seconds | None = Field(
        default=None, description="with `by: human`: how long after the break the drill itself rolls back; default: 10m"
    )
    audit_log: str | None = Field(
        default=None,
        min_length=1,
        description="the API server's audit log (JSON lines) on this host, beside the drill file: who has rolled back",
    )
    strategy: Strategy | None = Field(default=None, description="default: command where one is given, else set-image")
    command: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="the team's own rollback, a program and its arguments, run in the drill file's folder",
    )
    as_user: str | None = Field(
        default=None,
        alias="as",
        min_length=1,
        description="identity that rolls back, by impersonation: a user, or system:serviceaccount:NAMESPACE:NAME; "
        "default: the harness itself, which says nothing about whoever is on call",
    )
    groups: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="groups that the identity is in (`as` alone has none but what the cluster gives it)"
    )
    kubeconfig: str | None = Field(
        default=None,
        min_length=1,
        description="kubeconfig of whoever rolls back, beside the drill file; instead of `as`",
    )
    context: str | None = Field(
        default=None, min_length=1, description="the context in that kubeconfig; default: its only one"
    )
    not_by: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="users (or service accounts, or `group:NAME`) who must not be able to patch the workload",
    )

    @field_validator("as_user", "groups", "not_by")
    @classmethod
    def _fit_a_header(cls, names: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for name in (names,) if isinstance(names, str) else names or ():
            if not (name.isascii() and name.isprintable()):
                raise ValueError(f"needs names of printable ASCII characters, not {name!r}")
            if Subject(name).is_misspelt:
                raise ValueError(f"names nobody: {name!r}: write system:serviceaccount:NAMESPACE:NAME, or group:NAME")
        return names

    @field_validator("as_user")
    @classmethod
    def _is_somebody(cls, name: str | None) -> str | None:
        if name is not None and name.startswith(GROUP):
            raise ValueError(f"names {name!r}, and a group alone is nobody: name a user, and the group in `groups`")
        return name

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.kubeconfig is not None and self.as_user is not None:
            raise ValueError("needs either `as` or `kubeconfig`: both name who rolls back")
        if self.groups and self.as_user is None:
            raise ValueError("`groups` need `as`: a group alone is nobody")
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` needs `kubeconfig`, the file that it is in")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.way is Strategy.COMMAND) != bool(self.command):
            raise ValueError("`strategy: command` and `command` need each other")
        if self.take_over_after is not None and self.by is not Decider.HUMAN:
            raise ValueError("`take_over_after` needs `by: human`: there is nobody to take over from")
        return self

    @property
    def way(self) -> Strategy:
        """The strategy, with its default."""
        if self.strategy is not None:
            return self.strategy
        return Strategy.COMMAND if self.command else Strategy.SET_IMAGE

    @property
    def human_limit_seconds(self) -> float:
        """How long people have on a game day, from the break."""
        return _PATIENCE_SECONDS if self.take_over_after is None else self.take_over_after

    @property
    def subject(self) -> Subject | None:
        """Who rolls back by impersonation; None: the harness itself, or a kubeconfig of its own."""
        if self.as_user is None:
            return None
        account = Subject(self.as_user).service_account
        own = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}") if account and self.groups else ()
        return Subject(self.as_user, (*self.groups, *own))  # the API server adds an account's own to no others
