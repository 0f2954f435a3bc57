"""The limits that stop a drill: what it may cost at most, and what must not happen around it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from flowdrill.model.quantity import Ratio, Seconds
from flowdrill.model.strict import Strict


class LimitName(StrEnum):
    """The limits, by their keys in a drill."""

    BAD_REQUESTS = "bad_requests"
    ERROR_BUDGET = "error_budget"
    WALL_CLOCK = "wall_clock"
    OTHER_WORKLOADS = "other_workloads"
    NODES = "nodes"
    ALERTS = "alerts"


class WatchedAlerts(StrEnum):
    """Which alerts stop a drill."""

    NONE = "none"
    OUTSIDE = "outside"  # those that are neither the drill's nor were firing before the break


class LimitsPlan(Strict):
    """What stops a drill before its end. Everything is put back first."""

    bad_requests: int | None = Field(
        default=None, ge=1, description="from the break on; with so many bad requests the drill stops"
    )
    error_budget: Ratio | None = Field(
        default=None, gt=0, description="share of slo.period's error budget; once so much is burned the drill stops"
    )
    wall_clock: Seconds | None = Field(
        default=None,
        description="since the run began; default: twice what the drill's own limits add up to, and 15 minutes",
    )
    other_workloads: bool | None = Field(
        default=None,
        description="another workload of the namespace lost ready replicas; default: true on a named cluster",
    )
    nodes: bool | None = Field(
        default=None, description="a node is gone, or is no longer ready; default: true on a named cluster"
    )
    alerts: WatchedAlerts = Field(
        default=WatchedAlerts.NONE,
        description="outside: an alert in detect.prometheus begins to fire that is not one of the drill's",
    )
    allow_alerts: tuple[str, ...] = Field(default=(), description="names of alerts that may fire nevertheless")

    @model_validator(mode="after")
    def _allows_what_is_watched(self) -> Self:
        if self.allow_alerts and self.alerts is WatchedAlerts.NONE:
            raise ValueError("`allow_alerts` needs `alerts: outside`: no alert stops the drill")
        return self


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force."""

    name: LimitName
    bound: str  # what must hold, in words

    def reached(self, observed: str) -> str:
        """Return in words that it was reached."""
        return f"{self.name}: {observed} (limit: {self.bound})"
