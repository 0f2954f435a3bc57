"""What drills of many workloads came to. Its JSON Schema is `schemas/fleet.v1.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.strict import Strict


class FleetOutcome(StrEnum):
    """What became of one workload's drill, and of all."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"  # it was refused, could not begin, or ended for something that somebody has to mend
    SKIPPED = "skipped"  # of a workload alone: its calendar did not let it begin
    NOT_RUN = "not-run"  # of a workload alone: it is gone, or the fleet was over before


class FleetDrill(Strict):
    """One workload's drill."""

    namespace: str
    workload: str = Field(description="deployment/NAME or statefulset/NAME")
    outcome: FleetOutcome
    reasons: tuple[str, ...] = Field(description="why, most important first")
    url: str | None = Field(default=None, description="where its users were sent; null where that is not known")
    plan_digest: str | None = Field(default=None, description="what has to be approved for it; null: it has no plan")
    time_to_detect_seconds: float | None = None
    time_to_recover_seconds: float | None = None
    outage_seconds: float | None = None
    restored: bool | None = Field(default=None, description="whether all is as it was before; null: not known")
    seconds: float | None = Field(default=None, description="how long the run took; null when it did not begin")
    run: str | None = Field(default=None, description="its folder")

    @property
    def where(self) -> str:
        """`NAMESPACE/deployment/NAME`."""
        return f"{self.namespace}/{self.workload}"


class FleetResult(Strict):
    """All of them."""

    schema_: Literal["flowdrill.dev/fleet/v1"] = Field(default="flowdrill.dev/fleet/v1", alias="schema")
    drill: str
    scenario: str
    selector: str
    namespace: str | None = Field(description="null: every namespace")
    cluster: str = Field(description="the context's name, or `embedded`")
    parallel: int = Field(description="how many drills there were at once, at most; one in a namespace")
    started: str = Field(description="UTC")
    took_seconds: float
    verdict: FleetOutcome
    says: str = Field(description="the verdict in a sentence")
    stopped: str | None = Field(default=None, description="why no further drill began; null: all had their turn")
    appeared: tuple[str, ...] | None = Field(
        default=(), description="workloads that match now and did not at the start: not drilled; null: not known"
    )
    drills: tuple[FleetDrill, ...]
