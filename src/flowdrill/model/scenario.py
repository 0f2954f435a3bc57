"""A scenario: the fault that makes an image broken, and the symptom users must see. The shape of `scenario.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from flowdrill.model.strict import Strict

SCENARIO_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SCENARIO_NAME_LENGTH = 40


class Place(StrEnum):
    """Places in a flow that exist whatever its components are called."""

    INTO_OUTPUT = "into-output"  # for an edge: into an output; for a component: the one(s) that feed an output
    OUTPUT = "output"  # ChatOutput and its kin; where there is none, every component that feeds no other
    INPUT = "input"  # ChatInput and its kin; where there is none, every component that nothing feeds


class ComponentSelector(Strict):
    """Chooses components of a flow by exactly one of id, type, or place."""

    id: str | None = None
    type: str | None = None
    place: Place | None = Field(default=None)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.id, self.type, self.place)) != 1:
            raise ValueError("needs exactly one of id, type, place")
        return self


class EdgeSelector(Strict):
    """Chooses edges by the component they leave, the one they enter, or both. Named `from` and `into` in YAML."""

    leaving: ComponentSelector | None = Field(default=None, alias="from")
    entering: ComponentSelector | None = Field(default=None, alias="into")

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.leaving is None and self.entering is None:
            raise ValueError("needs from, into, or both")
        return self


class RaiseIn(Strict):
    """Makes every output method of the chosen components raise RuntimeError(message) before anything else."""

    component: ComponentSelector
    message: str = "flowdrill: deliberately broken"


class SetField(Strict):
    """Sets one field of the chosen components' template to `value`."""

    component: ComponentSelector
    field: str
    value: str | int | float | bool


class FlowChange(Strict):
    """One change of the flow's graph; exactly one operation."""

    remove_edges: EdgeSelector | None = None
    remove_components: ComponentSelector | None = None
    raise_in: RaiseIn | None = None
    set_field: SetField | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        operations = type(self).model_fields
        if sum(getattr(self, name) is not None for name in operations) != 1:
            raise ValueError(f"needs exactly one of {', '.join(operations)}")
        return self


class AddFile(Strict):
    """Puts a file of the scenario's folder (`source`), or a text (`text`), at an absolute path in the image."""

    path: str = Field(pattern=r"^/")
    source: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.text is None):
            raise ValueError("needs exactly one of source, text")
        return self


class FileChanges(Strict):
    """Files added (or replaced) and removed, by absolute path."""

    add: tuple[AddFile, ...] = ()
    remove: tuple[str, ...] = ()


class EnvChanges(Strict):
    """Environment of the image."""

    set: dict[str, str] = Field(default_factory=dict)
    unset: tuple[str, ...] = ()


class Changes(Strict):
    """Everything that differs between the stable and the broken image."""

    flow: tuple[FlowChange, ...] = ()
    files: FileChanges = FileChanges()
    env: EnvChanges = EnvChanges()
    command: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="becomes the image's entrypoint; its own entrypoint and arguments go"
    )

    @model_validator(mode="after")
    def _something_changes(self) -> Self:
        if self == Changes.model_construct():
            raise ValueError("changes nothing: give at least one of flow, files, env, command")
        return self


class Symptom(StrEnum):
    """What users of the broken version see."""

    BAD_ANSWERS = "bad-answers"  # requests fail or answer wrongly
    SLOW_ANSWERS = "slow-answers"  # requests pass the latency objective
    NO_SERVICE = "no-service"  # connections fail


class Scenario(Strict):
    """One way in which a LangFlow version breaks."""

    scenario: str = Field(pattern=SCENARIO_NAME, max_length=SCENARIO_NAME_LENGTH)
    story: str = Field(min_length=1, description="how this fault reaches production, in a paragraph")
    flow_file: str | None = Field(
        default=None, pattern=r"^/", description="the flow in the image; found by itself where there is one"
    )
    changes: Changes
    symptom: Symptom
    seen_by_users: str = Field(min_length=1, description="what an answer looks like")
