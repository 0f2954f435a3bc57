"""What `flowdrill plan` answers: what a drill will do, by whom, in what order, how it is undone, and the worst case."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.strict import Strict


class CoveredFile(Strict):
    """A file whose bytes are part of the plan's digest."""

    name: str = Field(description="its role, and its name as the drill or the scenario has it")
    sha256: str | None = Field(description="null when it is not there")


class System(StrEnum):
    """What a request goes to."""

    KUBERNETES = "kubernetes"
    REGISTRY = "registry"
    HOST = "this host"
    SERVICE = "the service"


class PlannedWrite(Strict):
    """One kind of request that writes, or sends something, and what for."""

    system: System
    verb: str = Field(description="for Kubernetes as its permissions name it: create, patch, delete")
    what: str = Field(description="for Kubernetes the resource, as deployments.apps; else what is written")
    name: str = Field(description="the object's name; empty for one that is made, or found, on the way")
    by: str = Field(description="whose identity it bears")
    does: str = Field(description="in words")
    dry_run: bool = Field(default=False, description="a server-side dry run: everything is checked, nothing is kept")
    only_if: str = Field(default="", description="empty: always, as far as the drill comes")

    @property
    def permission(self) -> str:
        """`patch deployments.apps/NAME`."""
        return f"{self.verb} {self.what}{'/' if self.name else ''}{self.name}"


class PlanStep(Strict):
    """One step, in order."""

    number: int
    title: str
    does: str = Field(description="what happens, in a sentence or two")
    writes: tuple[PlannedWrite, ...]
    undone: str = Field(description="how it is undone, and by whom; empty where there is nothing to undo")
    at_most_seconds: float | None = Field(description="its own limit; null where it has none, or takes no time")


class Duration(Strict):
    """One part of the worst case's time."""

    what: str
    seconds: float


class WorstCase(Strict):
    """Everything goes wrong: nothing detects, the rollback fails, and the restore needs all of its time."""

    steps: tuple[Duration, ...] = Field(description="from the baseline's begin, in order")
    whole_seconds: float = Field(description="from the baseline's begin until everything is put back")
    bad_seconds: float = Field(description="of these from the break on: as long users may be hit")
    bad_requests: int = Field(description="of the drill's own load; real users come on top")
    stopped_by: str = Field(description="limits that stop it earlier than the steps add up to; else empty")
    burned_ratio: float = Field(description="of the error budget of a whole period, at the drill's rate")
    beyond: tuple[str, ...] = Field(description="what could make it worse still, and what happens then")


class Expected(Strict):
    """When every objective is kept."""

    outage_seconds: float
    bad_requests: int
    burned_ratio: float


class PlannedActivity(Strict):
    """A Chaos Toolkit activity that the drill runs."""

    name: str
    kind: str = Field(description="action, or probe")
    when: str
    does: str = Field(description="the function, the program, or the request, with its arguments")
    at_most_seconds: float


class WhatBreaks(Strict):
    """The broken release."""

    scenario: str
    story: str
    changes: tuple[str, ...]
    symptom: str
    users_see: str
    kubernetes_sees: str
    rollback: str = Field(description="whether a rollback ends it, and why")
    obstacles: tuple[str, ...] = Field(description="what is put in the way of the rollback")


class Where(Strict):
    """The workload, and the cluster."""

    cluster: str
    context: str | None = Field(description="null: the embedded cluster of this machine")
    namespace: str
    workload: str
    container: str | None
    url: str = Field(description="where the drill's load is sent")
    beside: tuple[str, ...] = Field(description="other objects that the drill changes, or starts")


class ByWhom(Strict):
    """Everybody who acts."""

    harness: str
    decides: str
    rolls_back: str
    people: str = Field(description="what is asked of people; empty for nothing")
    on_record: tuple[str, ...] = Field(default=(), description="what the drill's audit section says")


class SeenNow(Strict):
    """What the cluster shows at the moment; never part of the digest."""

    cluster: str
    kubernetes_version: str
    container: str
    image: str
    state: str
    allowed: str | None = Field(description="why the labels do not allow the drill; null when they do")


class DrillPlan(Strict):
    """The page that a change approver signs."""

    schema_: Literal["flowdrill.dev/plan/v1"] = Field(default="flowdrill.dev/plan/v1", alias="schema")
    drill: str
    description: str
    digest: str = Field(description="what `flowdrill run --approved` takes")
    covers: tuple[CoveredFile, ...] = Field(
        description="files whose bytes the digest covers, beside the drill and the scenario"
    )
    tool_version: str
    refused: tuple[str, ...] = Field(description="why this drill would be refused as things stand")
    approval: str = Field(description="who demands an approval; empty for nobody")
    breaks: WhatBreaks
    where: Where
    by_whom: ByWhom
    seen: SeenNow | None = Field(description="null when it was made from the files alone")
    activities: tuple[PlannedActivity, ...] = Field(
        default=(), description="of Chaos Toolkit's extensions: what they need and do, flowdrill cannot know or undo"
    )
    steps: tuple[PlanStep, ...]
    stops: tuple[str, ...] = Field(description="what ends the drill early; everything is put back then, too")
    undone: tuple[str, ...] = Field(description="how everything is put back, and by whom, also when flowdrill dies")
    by_hand: tuple[str, ...] = Field(description="commands that put it back without the run")
    expected: Expected | None = Field(description="null when the drill has no objective for the outage")
    worst_case: WorstCase
    run_command: str
