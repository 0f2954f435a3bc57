"""What of a result is evidence for which requirement. That there is evidence says nothing of the requirement being
met: that is for whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pydantic import BaseModel

from flowdrill.model.audit import Audit, ControlEvidence, ControlMapping, EvidenceField
from flowdrill.model.controls import Controls
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment, Result
from flowdrill.model.status import Status

_LONGEST = 160  # characters: it is named, not repeated
# of these an empty list is an answer
_NONE_IS_AN_ANSWER = {"audit.findings": "none: nothing was found", "audit.deviations": "none", "notes": "none"}


def mapping_of(controls: Controls, result: Result, digest: str | None) -> ControlMapping:
    """Return the mapping with what this result holds in each of its fields."""
    return ControlMapping(
        mapping=controls.mapping,
        as_of=controls.as_of,
        digest=digest or "",
        controls=tuple(
            ControlEvidence(
                framework=one.framework,
                reference=one.reference,
                asks=one.asks,
                evidence=tuple(EvidenceField(field=path, value=_said(result, path)) for path in one.evidence),
            )
            for one in controls.controls
        ),
    )


def _said(result: Result, path: str) -> str | None:
    value: object = result
    for name in path.split("."):
        if value is None:
            return None
        value = getattr(value, name)
    words = _words(value)
    return _NONE_IS_AN_ANSWER.get(path) if words is None else words


def _words(value: object) -> str | None:
    """What it says, in a few words; None where it says nothing. `no` is no evidence of anything."""
    match value:
        case None | False | "" | () | {}:
            return None
        case Enum():
            return str(value.value)
        case True:
            return "yes"
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        case int() | float():
            return f"{value:.6g}"
        case Measure():
            bounds = f"between {format_seconds(value.earliest)} and {format_seconds(value.latest)}"
            return f"{format_seconds(value.seconds)} ({bounds})"
        case Moment():
            return value.utc
        case tuple():
            return _counted(value)
        case Mapping():
            return f"{len(value)} entries"
        case _:
            return _of_model(value)


def _counted(values: tuple[object, ...]) -> str:
    judged = [one.status for one in values if isinstance(one, Assessment)]
    if len(judged) < len(values):
        return f"{len(values)} recorded"
    counts = ((status, judged.count(status)) for status in Status)
    return ", ".join(f"{count} {status.value}" for status, count in counts if count)


def _of_model(value: object) -> str | None:
    """Of a block: whether anything in it says something."""
    if not isinstance(value, BaseModel) or isinstance(value, Audit):
        return "recorded"
    held = [name for name in type(value).model_fields if _words(getattr(value, name)) is not None]
    return ", ".join(one.replace("_", " ") for one in held) or None
