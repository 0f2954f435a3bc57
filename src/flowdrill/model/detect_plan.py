"""Which detectors a drill has beside the built-in ones, and which of them trigger the rollback."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from flowdrill.model.quantity import Seconds
from flowdrill.model.rule import RuleLine
from flowdrill.model.scenario import Detector
from flowdrill.model.strict import Strict

_ENV = r"^[A-Za-z_]\w*$"
_RuleName = Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*$", max_length=63)]
_LISTEN = r"^[^\s:/]+:\d{1,5}$"
_SECRET_HEADER = re.compile(r"auth|token|key|secret|passw|cookie|credential", re.IGNORECASE)
ANY: Literal["any"] = "any"
ALL: Literal["all"] = "all"
HUMAN = "human"  # somebody who acknowledges, or rolls back: a detector only where people decide
BUILT_IN: tuple[str, ...] = (Detector.SEQUENTIAL.value, Detector.KUBERNETES.value)


def _base_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", text):  # the text is in no message: it may hold a password
        raise ValueError("needs http:// or https://, a host, and at most a port and a path; no user, no query")
    return text.rstrip("/")


class Connection(Strict):
    """How an HTTP API is reached. Secrets are named, and read from the environment."""

    url: Annotated[str, AfterValidator(_base_url)] = Field(description="with the path before /api, where there is one")
    headers: dict[str, str] = Field(default_factory=dict, description="sent with each request, such as X-Scope-OrgID")
    bearer_token_from: str | None = Field(default=None, pattern=_ENV, description="environment variable with a token")
    username: str | None = Field(default=None, min_length=1)
    password_from: str | None = Field(default=None, pattern=_ENV, description="environment variable with a password")
    ca_file: str | None = Field(default=None, description="PEM file with its certificate authority")
    client_cert_file: str | None = Field(default=None, description="PEM file with a client certificate")
    client_key_file: str | None = Field(default=None, description="PEM file with the key of that certificate")

    @field_validator("headers")
    @classmethod
    def _hold_no_secrets(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not (value.isascii() and value.isprintable()):
                raise ValueError("no HTTP header can carry this: a name has letters, digits and hyphens, a value ASCII")
            if _SECRET_HEADER.search(name):
                raise ValueError(f"{name} must not be written into a drill: use bearer_token_from, or password_from")
        return headers

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        if (self.username is None) != (self.password_from is None):
            raise ValueError("`username` and `password_from` need each other")
        if self.username is not None and self.bearer_token_from is not None:
            raise ValueError("needs either `bearer_token_from` or `username`")
        if self.client_key_file is not None and self.client_cert_file is None:
            raise ValueError("`client_key_file` needs `client_cert_file`")
        return self


class AlertPlan(Strict):
    """One alert that must fire."""

    labels: dict[str, str] = Field(default_factory=dict, description="what it must bear beside its name")
    sample: str | None = Field(
        default=None,
        min_length=1,
        description="PromQL that gives a value once the first bad sample was scraped; default: the rule's expression",
    )


class PrometheusPlan(Connection):
    """A Prometheus (or Thanos, or Mimir) and the alerts that must fire in it."""

    alerts: dict[str, AlertPlan] = Field(min_length=1, description="by the alert's name")


class AlertmanagerPlan(Connection):
    """The Alertmanager that the alerts must get to."""

    webhook: str | None = Field(
        default=None,
        pattern=_LISTEN,
        description="address:port where the drill takes Alertmanager's notifications, from a receiver that you set up",
    )


@dataclass(frozen=True, slots=True)
class Trigger:
    """The detectors that count for the decision: any of them, or all."""

    names: tuple[str, ...]
    needs: Literal["any", "all"]

    def is_pulled(self, detected: Iterable[str]) -> bool:
        """Return whether what has detected so far is enough."""
        said = set(detected)
        return (any if self.needs == ANY else all)(name in said for name in self.names)

    def described(self) -> str:
        """Return it in words: `any of sequential, kubernetes`."""
        names = ", ".join(self.names)
        return names if len(self.names) == 1 else f"{self.needs} of {names}"


class DetectPlan(Strict):
    """How long the detectors may take, what they are, and which of them trigger."""

    limit: Seconds = Field(default="180s", validate_default=True)
    trigger: str = Field(
        default="",
        description="any, all, or a detector's name; default: human where people decide, else all alerts where alerts "
        "are named, else any",
    )
    rules: dict[_RuleName, RuleLine] = Field(
        default_factory=dict, description="threshold rules on the drill's own outcomes, by name (docs/replay.md)"
    )
    prometheus: PrometheusPlan | None = None
    alertmanager: AlertmanagerPlan | None = None

    @property
    def alerts(self) -> tuple[str, ...]:
        """The names of the alerts that must fire."""
        return tuple(self.prometheus.alerts) if self.prometheus is not None else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every detector's name, but for people."""
        return (*BUILT_IN, *self.rules, *self.alerts)

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        reserved = {ANY, ALL, HUMAN}
        for name in self.names:
            if self.names.count(name) > 1 or name in reserved:
                raise ValueError(f"two detectors are called {name!r}: name a rule after nothing that is there already")
        if self.trigger and self.trigger not in {*self.names, *reserved}:
            raise ValueError(
                f"`trigger` names no detector: {self.trigger!r}: there are {', '.join(self.names)}, any, all"
            )
        if self.alertmanager is not None and self.prometheus is None:
            raise ValueError("`alertmanager` needs `prometheus`, which names the alerts")
        return self

    def trigger_of(self, *, by_people: bool) -> Trigger:
        """Return what triggers the rollback; `by_people`: whether people decide."""
        if self.trigger in {ANY, ALL}:
            everybody = (*self.names, *((HUMAN,) if by_people else ()))
            return Trigger(everybody, needs=ANY if self.trigger == ANY else ALL)
        if self.trigger:
            return Trigger((self.trigger,), needs=ALL)
        if by_people:
            return Trigger((HUMAN,), needs=ALL)
        if self.alerts:
            return Trigger(self.alerts, needs=ALL)
        return Trigger(self.names, needs=ANY)
