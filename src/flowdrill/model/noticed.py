"""The parts of a result about who noticed: detectors, Kubernetes' signals, the team's alerts, people."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from flowdrill.model.alerts import AlertStage
from flowdrill.model.kubernetes_signals import SignalKind
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.strict import Strict


class Detection(Strict):
    """One detector's finding."""

    detector: str
    at: Moment
    time_to_detect: Measure | None = Field(
        default=None, description="at - impact; at - broken when it was before any user was hit"
    )
    newest_outcome: Moment | None = Field(description="null for a detector that does not look at answers")
    statistic: float | None
    threshold: float | None
    triggers: bool
    says: str = Field(default="", description="what it saw, in its own words")


class Signal(Strict):
    """What Kubernetes said of the broken release, each kind for the first time."""

    kind: SignalKind
    pod: str | None = Field(description="null for what the whole workload says")
    at: Moment
    since_break: Measure | None = Field(description="at - broken")
    since_impact: Measure | None = Field(description="at - impact; null when no user was hit, or before one was")
    fails: bool = Field(description="whether it says that the release fails; else it is only shown")
    says: str = Field(description="in Kubernetes' own words")


class AlertStageFact(Strict):
    """One stage of an alert, and how long after the impact (the break, when it was before that) it was reached."""

    stage: AlertStage
    at: Moment
    since_impact: Measure | None


class AlertFact(Strict):
    """One alert that had to fire."""

    alert: str
    stages: tuple[AlertStageFact, ...] = Field(description="those it has reached, in order")
    detects_at: AlertStage = Field(description="the last stage that the drill can see: with it the team knows")
    told: tuple[str, ...] = Field(default=(), description="what kept it from people, or ended it")


class GameDayKind(StrEnum):
    """What can happen on a game day."""

    BROKEN = "broken"
    DETECTED = "detected"
    ACKNOWLEDGED = "acknowledged"
    INJECT = "inject"
    ROLLED_BACK = "rolled back"
    TAKEN_OVER = "taken over"


class GameDayEntry(Strict):
    """Something that happened among people, or that they were told."""

    kind: GameDayKind
    at: Moment
    since_break: float | None = Field(description="seconds since the break; null before it")
    who: str
    what: str


class GameDay(Strict):
    """What people did, and what they were told."""

    by_people: bool = Field(description="whether people were to roll back (`rollback.by: human`)")
    take_over_after: float | None = Field(description="seconds after the break; null where people were not waited for")
    rolled_back_by: str | None = Field(description="who rolled back, where people did")
    how: str = Field(description="how they did it; empty where they did not")
    entries: tuple[GameDayEntry, ...] = Field(description="in the order of time")
