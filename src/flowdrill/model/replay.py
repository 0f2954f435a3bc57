"""What `flowdrill replay` answers: when each rule would have fired in a recorded run, and what it would cost."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.measured import Measure
from flowdrill.model.strict import Strict


class Fired(StrEnum):
    """Whether a rule would have fired while the failure lasted: whenever its evaluations and scrapes come, only at some
    of these phases, or at none; or before there was a failure, which is a false alarm."""

    YES = "yes"
    AT_SOME_PHASES = "at some phases"
    NO = "no"
    FALSE_ALARM = "false alarm"


class FalseAlarms(Strict):
    """What a rule would cost where nothing is broken."""

    on_baseline: int = Field(description="how often it began to fire in the baseline as recorded")
    simulated: int = Field(description="how often in the baseline's outcomes, drawn anew for simulated_seconds")
    simulated_seconds: float
    per_day: float = Field(description="an estimate from the baseline: simulated alarms by simulated days")
    none_seen: bool = Field(description="true: per_day is 1 / simulated days, and less than that is the estimate")
    firing_ratio: float | None = Field(description="share of the simulated time in which it fires; null: not a rule")
    guaranteed_per_day: float | None = Field(
        description="at most so many whatever the outcomes have in common, as long as the bad ratio stays normal; null "
        "for a rule, which promises nothing"
    )


class RuleReplay(Strict):
    """One rule over one recorded run."""

    name: str | None = Field(description="the detector's name in the drill; null for a rule that it does not have")
    rule: str
    fired: Fired
    fires_at: Measure | None = Field(description="since the break was sent; null when it did not fire")
    time_to_detect: Measure | None = Field(
        description="since the impact, over all phases; null when it did not fire at every phase in time"
    )
    times_sequential: float | None = Field(description="time_to_detect by that of the sequential detector")
    measured: Measure | None = Field(description="the time to detect that the run itself measured; null: it did not")
    says: str = Field(description="why there is no time to detect; empty when there is one")
    false_alarms: FalseAlarms


class ReplayedBaseline(Strict):
    """The baseline that false alarms are estimated from."""

    seconds: float
    requests: int
    bad: int
    normal_bad_ratio: float = Field(description="what the sequential detector takes for normal")
    block_seconds: float = Field(description="length of the blocks that are drawn")
    seed: int


class ReplayedFailure(Strict):
    """The failure that the rules are held against."""

    impact_seconds: Measure = Field(description="since the break was sent")
    lasted_seconds: float = Field(description="from the impact to the recovery, or to the end of what was recorded")
    held_seconds: float | None = Field(description="how long it is made to last; null: as long as it did")
    repeated_seconds: float | None = Field(description="length of the recorded stretch that is repeated for that")
    repeated_requests: int | None = Field(description="how many requests that stretch has")
    repeated_bad: int | None


class MeasuredDetection(Strict):
    """What a detector said in the run itself."""

    detector: str
    time_to_detect: Measure | None
    triggers: bool


class Replay(Strict):
    """All of it."""

    schema_: Literal["flowdrill.dev/replay/v1"] = Field(default="flowdrill.dev/replay/v1", alias="schema")
    run: str
    drill: str
    scenario: str
    requests_per_second: float
    baseline: ReplayedBaseline
    failure: ReplayedFailure | None = Field(description="null when no user was hit")
    measured: tuple[MeasuredDetection, ...]
    phases: int = Field(description="at how many phases of its evaluations and scrapes each rule was tried")
    rules: tuple[RuleReplay, ...]
