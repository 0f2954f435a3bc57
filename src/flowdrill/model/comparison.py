"""What `flowdrill compare` answers: two runs side by side. Its JSON Schema is `schemas/compare.v1.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.measured import Measure
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.model.strict import Strict


class Change(StrEnum):
    """How a time of the second run stands to that of the first."""

    SHORTER = "shorter"  # certainly: the bounds do not overlap
    LONGER = "longer"  # certainly
    NOT_CERTAIN = "not certain"  # the bounds overlap
    ONLY_FIRST = "only in the first"  # measured there, and not in the second
    ONLY_SECOND = "only in the second"
    NEITHER = "in neither"


class ComparedRun(Strict):
    """One of the two."""

    folder: str
    id: str
    drill: str
    scenario: str
    target: str = Field(description="namespace/workload")
    started: str = Field(description="UTC, ISO 8601")
    verdict: Verdict
    reason: str = Field(description="why, the most important one")
    plan_digest: str


class Difference(Strict):
    """Something that is not the same in both; null where one of them does not have it."""

    what: str
    before: str | None
    after: str | None


class ComparedTime(Strict):
    """One time of both runs. What is certain is so for these two runs; the next ones may be others."""

    name: str
    before: Measure | None
    after: Measure | None
    difference: Measure | None = Field(
        description="after - before, with the bounds that both leave open; below 0: shorter"
    )
    change: Change


class ComparedStatus(Strict):
    """An objective or a check that came out in another way; null where a run does not have it."""

    kind: Literal["objective", "check", "limit"]
    name: str
    before: Status | None
    after: Status | None
    observed_before: str
    observed_after: str


class ComparedDetection(Strict):
    """A detector that said something in one of the runs."""

    detector: str
    said_before: bool
    said_after: bool
    before: Measure | None = Field(description="its time to detect; null: it said nothing, or there was nothing to see")
    after: Measure | None
    change: Change = Field(description="of these times")


class Comparison(Strict):
    """All of it."""

    schema_: Literal["flowdrill.dev/compare/v1"] = Field(default="flowdrill.dev/compare/v1", alias="schema")
    before: ComparedRun
    after: ComparedRun
    same_plan: bool = Field(description="equal plan digests: drill, scenario, their files and the context's name")
    plan: tuple[Difference, ...] = Field(description="what differs in drill and scenario, by its path in plan.json")
    plan_note: str | None = Field(description="what else is to be said of the plans")
    times: tuple[ComparedTime, ...]
    statuses: tuple[ComparedStatus, ...] = Field(description="only those that changed")
    images: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    detections: tuple[ComparedDetection, ...]
    worse: tuple[str, ...] = Field(description="in what the second run is certainly worse")
    better: tuple[str, ...] = Field(description="and in what certainly better")
