"""What of a result is evidence for which requirement. That there is evidence says nothing of the requirement being
met: that is for whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pydantic import BaseModel

from flowdrill.model.audit import (
    Audit,
    ControlEvidence,
    ControlMapping,
    EvidenceField,
    Finding,
    NamedPerson,
    PreviousRun,
    ScenarioFacts,
    Target,
)
from flowdrill.model.controls import Controls
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.quantity import format_seconds
from flowdrill.model.reach import Reach
from flowdrill.model.result import Assessment, ImageFacts, Result, Rollback
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
        case None | False | "" | ():
            return None
        case Enum():
            return str(value.value)
        case True:
            return "yes"
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        case int() | float():
            return f"{value:.6g}"
        case tuple():
            return _counted(value)
        case _:
            return _of_block(value)


def _counted(values: tuple[object, ...]) -> str:
    judged = [one.status for one in values if isinstance(one, Assessment | Target | Finding)]
    if len(judged) < len(values):
        return f"{len(values)} recorded"
    counts = ((status, judged.count(status)) for status in Status)
    return ", ".join(f"{count} {status.value}" for status, count in counts if count)


def _of_block(value: object) -> str | None:
    """What a block is about; of one that is not known here, whether anything in it says something."""
    match value:
        case Measure():
            bounds = f"between {format_seconds(value.earliest)} and {format_seconds(value.latest)}"
            return f"{format_seconds(value.seconds)} ({bounds})"
        case Moment():
            return value.utc
        case NamedPerson():
            return f"{value.name}, from {value.source}"
        case ScenarioFacts():
            return value.name
        case PreviousRun():
            return f"{value.id}: {value.verdict or 'no result'}"
        case Rollback():
            return f"{value.strategy}, by {value.by or 'the harness'}"
        case ImageFacts():
            return value.digest
        case Reach():
            back = value.versions_back
            return "no earlier version that holds" if back is None else f"the nearest that holds is {back} back"
        case _:
            return _named_parts(value)


def _named_parts(value: object) -> str | None:
    if isinstance(value, BaseModel) and not isinstance(value, Audit):
        held = [name for name in type(value).model_fields if _words(getattr(value, name)) is not None]
        return ", ".join(one.replace("_", " ") for one in held) or None
    if isinstance(value, Mapping):
        return f"{len(value)} recorded" if value else None
    return "recorded"
