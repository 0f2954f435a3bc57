"""What a scenario may do to a flow: which parts are chosen, and how each is changed."""

from __future__ import annotations

import ast
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from flowdrill.model.strict import Strict


class Place(StrEnum):
    """Places in a flow that exist whatever its components are called."""

    INTO_OUTPUT = "into-output"  # for an edge: into an output; for a component: the one(s) that feed an output
    OUTPUT = "output"  # ChatOutput and its kin; where there is none, every component that feeds no other
    INPUT = "input"  # ChatInput and its kin; where there is none, every component that nothing feeds


class ComponentSelector(Strict):
    """Chooses components of a flow by exactly one of id, type, or place. A type that several components have needs
    `every: true`: what was meant for one is not done to all by accident."""

    id: str | None = None
    type: str | None = None
    place: Place | None = Field(default=None)
    every: bool = Field(default=False, description="with type: all components that have it")

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


class Code(Strict):
    """Python, as text (`code`) or as a file of the scenario's folder (`source`). Never run by flowdrill."""

    code: str | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.code is None) == (self.source is None):
            raise ValueError("needs exactly one of code, source")
        return self


class RaiseIn(Strict):
    """Makes every output method of the chosen components raise RuntimeError(message) before anything else."""

    component: ComponentSelector
    message: str = "flowdrill: deliberately broken"


class Where(StrEnum):
    """Where inserted code runs."""

    THREAD = "thread"  # beside the event loop: other requests and the health check go on
    EVENT_LOOP = "event-loop"  # in it: nothing else of the process goes on


class RunFirst(Strict):
    """Statements that every output method of the chosen components runs before its own. Without `in` they run where
    the method does, and may `return` an answer in its place."""

    component: ComponentSelector
    code: str
    where: Where | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _is_python(self) -> Self:
        try:
            statements = ast.parse(self.code).body
        except (SyntaxError, ValueError, RecursionError) as error:
            raise ValueError(f"code is no Python: {error}") from error
        if not statements:
            raise ValueError("code has no statement")
        if self.where is Where.THREAD and any(map(_returns, statements)):
            raise ValueError("code that returns an answer cannot run in a thread of its own: leave `in` out")
        return self


class PrependCode(Code):
    """Puts code before a component's own, after its `from __future__` imports."""

    component: ComponentSelector


class ReplaceCode(Code):
    """Replaces the whole code of a component."""

    component: ComponentSelector


class SetField(Strict):
    """Sets one field of the chosen components' template to `value`."""

    component: ComponentSelector
    field: str
    value: str | int | float | bool


class RenameVariable(Strict):
    """Renames a variable in a prompt's text only: what feeds it still feeds the old name."""

    component: ComponentSelector
    field: str = Field(default="template", description="the field that holds the prompt's text")
    variable: str | None = Field(default=None, description="default: the first one in the text")
    to: str = Field(pattern=r"^[A-Za-z_]\w*$")


class SetType(Strict):
    """Gives the chosen components another type: one that the runtime may not know."""

    component: ComponentSelector
    to: str = Field(min_length=1)


class ReplaceFlow(Strict):
    """Replaces the whole file by one of the scenario's folder, whatever is in it."""

    source: str


class TruncateFlow(Strict):
    """Cuts the file off, as a copy does that ran out of space."""

    keep: float = Field(gt=0, lt=1, description="the part of the bytes that is kept")


class FlowChange(Strict):
    """One change of the flow's file; exactly one operation."""

    remove_edges: EdgeSelector | None = None
    remove_components: ComponentSelector | None = None
    raise_in: RaiseIn | None = None
    run_first: RunFirst | None = None
    prepend_code: PrependCode | None = None
    replace_code: ReplaceCode | None = None
    set_field: SetField | None = None
    rename_variable: RenameVariable | None = None
    set_type: SetType | None = None
    replace_flow: ReplaceFlow | None = None
    truncate_flow: TruncateFlow | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        operations = type(self).model_fields
        if sum(getattr(self, name) is not None for name in operations) != 1:
            raise ValueError(f"needs exactly one of {', '.join(operations)}")
        return self


def _returns(statement: ast.AST) -> bool:
    """Whether a statement returns from the code it is part of, not only from a function within."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False
    return isinstance(statement, ast.Return) or any(map(_returns, ast.iter_child_nodes(statement)))
