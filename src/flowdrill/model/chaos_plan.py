"""What a drill runs of Chaos Toolkit's extensions, beside its own engine: the activities, as an experiment has them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from flowdrill.model.activity import ActivityPlace
from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict

_VARIABLE = r"^[A-Za-z_]\w*$"
_MODULE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
_NAME_LENGTH = 80
_NO_WORD = re.compile(r"[^a-z0-9]+")
_ARGUMENTS = "as the activity takes them; `${name}` stands for a value of the configuration or the secrets"


class Moment(StrEnum):
    """What an activity of `during` waits for."""

    BROKEN = "broken"
    DETECTED = "detected"
    TRIGGERED = "triggered"
    RECOVERED = "recovered"


class FromEnvironment(Strict):
    """A value that is in an environment variable, as Chaos Toolkit has it."""

    type: Literal["env"]
    key: str = Field(pattern=_VARIABLE, description="the variable's name")


class _Provider(Strict):
    secrets: tuple[str, ...] = Field(default=(), description="sections of `chaos.secrets` that it is given")


class PythonProvider(_Provider):
    """A function of a module that is installed beside flowdrill, or lies beside the drill file."""

    type: Literal["python"]
    module: str = Field(pattern=_MODULE)
    func: str = Field(pattern=_VARIABLE)
    arguments: dict[str, JsonValue] = Field(default={}, description=_ARGUMENTS)

    def described(self) -> str:
        """`chaosk8s.pod.actions.terminate_pods`."""
        return f"{self.module}.{self.func}"


class ProcessProvider(_Provider):
    """A program of this host."""

    type: Literal["process"]
    path: str = Field(min_length=1)
    arguments: str | list[JsonValue] | dict[str, JsonValue] = Field(default=[], description=_ARGUMENTS)
    timeout: float | None = Field(default=None, gt=0, description="seconds, as Chaos Toolkit has it")

    def described(self) -> str:
        """The program."""
        return self.path


class HttpProvider(_Provider):
    """An HTTP request."""

    type: Literal["http"]
    url: str = Field(min_length=1)
    method: str = "GET"
    headers: dict[str, str] | None = None
    arguments: JsonValue = Field(default=None, description=_ARGUMENTS)
    timeout: float | list[float] | None = Field(default=None, description="seconds, as Chaos Toolkit has it")
    verify_tls: bool = True
    max_retries: int = Field(default=0, ge=0)

    def described(self) -> str:
        """The request."""
        return f"{self.method} {self.url}"


class Pauses(Strict):
    """How long is waited around an activity, in seconds, as Chaos Toolkit has it."""

    before: float = Field(default=0, ge=0)
    after: float = Field(default=0, ge=0)


class ActivityPlan(Strict):
    """An action, or a probe, as an experiment has it."""

    name: str = Field(min_length=1, max_length=_NAME_LENGTH)
    type: Literal["action", "probe"]
    provider: Annotated[PythonProvider | ProcessProvider | HttpProvider, Field(discriminator="type")]
    tolerance: JsonValue = Field(
        default=None, description="of a probe: what its answer must be, as Chaos Toolkit has it"
    )
    limit: Seconds | None = Field(default=None, description="how long it may take; default: chaos.limit")

    @property
    def slug(self) -> str:
        """Its name in the name of a check."""
        return _NO_WORD.sub("_", self.name.lower()).strip("_")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.name.isprintable() or not self.slug:
            raise ValueError("`name` needs letters or digits, on one line")
        if self.tolerance is not None and self.type == "action":
            raise ValueError("an action has no `tolerance`: only a probe's answer is looked at")
        return self


class SteadyProbe(ActivityPlan):
    """A probe that must hold before the break, and again after the restore."""

    @model_validator(mode="after")
    def _is_probe(self) -> Self:
        if self.type != "probe" or self.tolerance is None:
            raise ValueError("`steady_state` needs probes with a `tolerance`")
        return self


class AroundActivity(ActivityPlan):
    """One that runs after the restore: one after the other."""

    pauses: Pauses = Pauses()


class BeforeActivity(AroundActivity):
    """One that runs before the break: one after the other, or beside all that follows."""

    background: bool = Field(default=False, description="begin it, and go on: it ends with the drill at the latest")

    @model_validator(mode="after")
    def _in_background(self) -> Self:
        if self.background and self.pauses.after:
            raise ValueError("`pauses.after` is not waited for with `background: true`: nobody waits for its end")
        return self


class DuringActivity(ActivityPlan):
    """One that runs beside the drill, when its moment has come."""

    at: Moment = Field(description="recovered: users were served for the whole hold, and every replica is back")
    after: Seconds | None = Field(default=None, description="from that moment; default: at once")


class ChaosPlan(Strict):
    """Activities of Chaos Toolkit's extensions, and what they are given."""

    configuration: dict[str, JsonValue] = Field(
        default={}, description="name -> value, or `{type: env, key: VARIABLE}`, as an experiment has it"
    )
    secrets: dict[str, dict[str, FromEnvironment]] = Field(
        default={}, description="section -> name -> `{type: env, key: VARIABLE}`: a drill holds no secret itself"
    )
    environment: tuple[Annotated[str, Field(pattern=_VARIABLE)], ...] = Field(
        default=(),
        description="further variables that every activity gets; of the rest it gets only what programs need",
    )
    limit: Seconds = Field(default="30s", validate_default=True, description="how long an activity may take")
    steady_state: tuple[SteadyProbe, ...] = Field(
        default=(), description="must hold after the baseline, before anything is broken, and after the restore"
    )
    before: tuple[BeforeActivity, ...] = Field(default=(), description="after the baseline, before the break")
    during: tuple[DuringActivity, ...] = Field(default=(), description="beside the drill, each at its moment")
    after: tuple[AroundActivity, ...] = Field(
        default=(), description="after the restore, also when the drill has failed: what cleans up"
    )

    @property
    def activities(self) -> tuple[tuple[ActivityPlace, ActivityPlan], ...]:
        """All of them, in the order of their places."""
        return (
            *((ActivityPlace.STEADY_STATE, one) for one in self.steady_state),
            *((ActivityPlace.BEFORE, one) for one in self.before),
            *((ActivityPlace.DURING, one) for one in self.during),
            *((ActivityPlace.AFTER, one) for one in self.after),
        )

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that the plan names."""
        named = [str(one["key"]) for one in self.configuration.values() if isinstance(one, dict) and "key" in one]
        return (*named, *self.secret_variables, *self.environment)

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """Those of them that hold secrets."""
        return tuple(one.key for section in self.secrets.values() for one in section.values())

    def limit_seconds(self, activity: ActivityPlan) -> float:
        """How long one may take, with its pauses."""
        pauses = activity.pauses if isinstance(activity, AroundActivity) else Pauses()
        return (activity.limit or self.limit) + pauses.before + pauses.after

    @field_validator("configuration")
    @classmethod
    def _no_probes(cls, configuration: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name, value in configuration.items():
            if isinstance(value, dict) and "type" in value:
                if value["type"] != "env":
                    raise ValueError(f"`{name}`: only `type: env` is known here, not {value['type']!r}")
                if not isinstance(value.get("key"), str) or not re.fullmatch(_VARIABLE, str(value["key"])):
                    raise ValueError(f"`{name}`: `type: env` needs the variable's name as `key`")
        return configuration

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        seen: dict[str, str] = {}
        for _, one in self.activities:
            if one.slug in seen:
                raise ValueError(f"two activities have the name {one.name!r}: their checks could not be told apart")
            seen[one.slug] = one.name
            for section in one.provider.secrets:
                if section not in self.secrets:
                    known = ", ".join(self.secrets) or "none"
                    raise ValueError(f"{one.name!r} wants the secrets {section!r}; `chaos.secrets` has: {known}")
        return self


def experiment_activity(activity: ActivityPlan) -> dict[str, JsonValue]:
    """Return an activity as Chaos Toolkit takes it: without what only a drill knows."""
    told = activity.model_dump(mode="json", exclude_defaults=True, exclude={"limit", "at", "after", "background"})
    provider = activity.provider.model_dump(mode="json", exclude_defaults=True)
    return {**told, "provider": {**provider, "type": activity.provider.type}}


def local_files(plan: ChaosPlan) -> Iterator[str]:
    """Return the names that activities' code may have beside the drill file, whether or not it is there: also of what
    looks at their answers."""
    for _, one in plan.activities:
        yield from _files_of(one.provider.model_dump(mode="json"))
        if isinstance(one.tolerance, dict) and isinstance(one.tolerance.get("provider"), dict):
            yield from _files_of(one.tolerance["provider"])


def module_files(module: str) -> Iterator[str]:
    """Return the files that a module may be, and the packages that it is in: `a/__init__.py`, `a/b.py`."""
    parts = module.split(".")
    yield from ("/".join(parts[: n + 1]) + ending for n in range(len(parts)) for ending in (".py", "/__init__.py"))


def _files_of(provider: Any) -> Iterator[str]:
    match provider:
        case {"type": "python", "module": str(module)}:
            yield from module_files(module)
        case {"type": "process", "path": str(path), **rest}:
            yield path
            yield from _words(rest.get("arguments"))


def _words(arguments: Any) -> Iterator[str]:
    """The words that a program is called with, as Chaos Toolkit takes them."""
    if isinstance(arguments, str):
        try:
            yield from shlex.split(arguments)
        except ValueError:
            yield from arguments.split()
    elif isinstance(arguments, dict):
        yield from (one for one in (*arguments, *arguments.values()) if isinstance(one, str))
    elif isinstance(arguments, list):
        yield from (one for one in arguments if isinstance(one, str))
