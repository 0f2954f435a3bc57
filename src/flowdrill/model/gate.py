"""What a gate came to. Its JSON Schema is `schemas/gate.v1.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.strict import Strict


class GateOutcome(StrEnum):
    """What became of one drill, and of all."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"  # it could not begin, or ended for something that somebody has to mend
    NOT_RUN = "not-run"  # of a drill alone: the gate was over before


class GateStep(StrEnum):
    """What a drill is there for."""

    CANDIDATE = "candidate"  # does it serve, and does the way back from it hold?
    DRILL = "drill"  # one of the suite


class GateDrill(Strict):
    """One drill of the gate."""

    step: GateStep
    drill: str
    scenario: str
    outcome: GateOutcome
    reasons: tuple[str, ...] = Field(description="why, most important first")
    time_to_detect_seconds: float | None = None
    time_to_roll_back_seconds: float | None = Field(
        default=None, description="from the rollback's request until every replica was on the stable digest, at most"
    )
    time_to_recover_seconds: float | None = Field(default=None, description="null also where no user was ever hit")
    outage_seconds: float | None = None
    seconds: float | None = Field(default=None, description="how long the run took; null when it did not begin")
    run: str | None = Field(default=None, description="its folder")


class GateResult(Strict):
    """The whole gate."""

    schema_: Literal["flowdrill.dev/gate/v1"] = Field(default="flowdrill.dev/gate/v1", alias="schema")
    suite: str
    candidate: str | None = Field(default=None, description="what was to be released; null: the suite alone")
    rollback_to: str | None = Field(default=None, description="the stable image by digest, where a run has seen it")
    cluster: str = Field(description="the context's name, or `embedded`")
    verdict: GateOutcome
    blocks: bool = Field(description="whether the release must not go: anything but a pass")
    says: str = Field(description="the verdict in a sentence")
    inconclusive_allowed: bool = Field(description="whether the suite lets a drill pass that nobody knows about")
    drills: tuple[GateDrill, ...]
