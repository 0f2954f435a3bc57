"""Which fields of a result are evidence for which requirement: the shape of `policy/controls.yaml`, and of what
replaces it."""

from __future__ import annotations

from datetime import date
from types import NoneType
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, Field

from flowdrill.model.result import Result
from flowdrill.model.strict import Strict

_NO_EVIDENCE = "audit.controls"  # it is made from all the others


def _is_a_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"needs a day such as 2026-11-26, not {text!r}") from error


def _is_a_field(path: str) -> str:
    """A place in a result: `measures.outage`. What is in a list is named by the list."""
    model: type[BaseModel] | None = Result
    walked: list[str] = []
    for name in path.split("."):
        if model is None:
            raise ValueError(f"{'.'.join(walked)} has no fields of its own that could be named: leave {name!r} out")
        field = model.model_fields.get(name)
        if field is None:
            where = f"{'.'.join(walked)} of result.json" if walked else "result.json"
            raise ValueError(f"{where} has no field {name!r}: it has {', '.join(sorted(model.model_fields))}")
        walked.append(name)
        model = _model_in(field.annotation)
    if path == _NO_EVIDENCE or path.startswith(f"{_NO_EVIDENCE}."):
        raise ValueError(f"{_NO_EVIDENCE} is this mapping: it is no evidence")
    return path


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that a field holds, where it holds one, or none at all."""
    held = [one for one in get_args(annotation) or (annotation,) if one is not NoneType]
    one = held[0] if len(held) == 1 else None
    return one if isinstance(one, type) and issubclass(one, BaseModel) else None


_Text = Annotated[str, Field(min_length=1, max_length=600, pattern=r"\S")]


class Control(Strict):
    """One requirement, and what of a result is evidence for it."""

    framework: _Text
    reference: _Text = Field(description="the article, criterion or control")
    asks: _Text = Field(description="what it asks for, in a few words of your own; no text of the standard")
    evidence: tuple[Annotated[str, AfterValidator(_is_a_field)], ...] = Field(
        min_length=1, max_length=40, description="fields of result.json, such as measures.time_to_recover"
    )


class Controls(Strict):
    """A mapping: as good as who wrote it, on the day that it says. It claims no more than that there is evidence."""

    mapping: _Text = Field(description="its name, for the report")
    as_of: Annotated[str, AfterValidator(_is_a_day)] = Field(
        description="the day on which it was written, in quotes", json_schema_extra={"format": "date"}
    )
    controls: tuple[Control, ...] = Field(min_length=1, max_length=200)
