"""`result.json`: what came of a run. Its JSON Schema is `schemas/result.v1.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from flowdrill.model.activity import ActivityEnd, ActivityPlace
from flowdrill.model.audit import Audit
from flowdrill.model.events import End
from flowdrill.model.load_workers import LoadByWorkers
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.noticed import AlertFact, Detection, GameDay, Signal
from flowdrill.model.readiness import Readiness
from flowdrill.model.shown import Excerpt, LatencyRow, SampleAnswer, ServingStep
from flowdrill.model.status import Status
from flowdrill.model.strict import Strict


class Verdict(StrEnum):
    """The drill's outcome; `inconclusive` means the harness could not know, and is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Instants(Strict):
    """The instants of the drill; null where one did not happen."""

    broken: Moment | None = None
    impact: Moment | None = None
    detected: Moment | None = None
    acknowledged: Moment | None = Field(default=None, description="somebody said that they have noticed")
    decided: Moment | None = None
    triggered: Moment | None = None
    rolled_back: Moment | None = None
    recovered: Moment | None = None


class Measures(Strict):
    """The times; null where one could not be measured, which fails its objective."""

    time_to_detect: Measure | None = Field(
        default=None, description="detected - impact; detected - broken when it was detected before any user was hit"
    )
    reaction: Measure | None = Field(default=None, description="triggered - detected")
    time_to_acknowledge: Measure | None = Field(
        default=None, description="acknowledged - impact; - broken when it was acknowledged before any user was hit"
    )
    time_to_act: Measure | None = Field(
        default=None, description="triggered - acknowledged, where people rolled back and had acknowledged before"
    )
    time_to_recover: Measure | None = Field(default=None, description="recovered - triggered")
    outage: Measure | None = Field(default=None, description="recovered - impact")
    outage_until_restore: Measure | None = Field(
        default=None,
        description="served again - impact, where no rollback but the restore ended the outage: what it cost that the "
        "brake failed",
    )


class Stage(Strict):
    """One stage of the recovery: when it was reached, in seconds since the rollback was triggered."""

    stage: str
    pod: str | None
    seconds: float
    earliest: float
    latest: float


class ErrorBudget(Strict):
    """What the outage cost of the error budget of a whole period at the drill's request rate."""

    availability: float
    period_seconds: float
    burned_ratio: float


class Requests(Strict):
    """Counts over the whole run. `by_reason` counts bad ones only."""

    total: int
    good: int
    bad: int
    by_reason: dict[str, int]
    unanswered_at_end: int = Field(description="sent, not yet due when the load stopped; counted neither good nor bad")
    bad_seconds: int = Field(description="seconds of the run with at least one bad request")
    failed_ratio: float | None = Field(description="bad / all, from the break to the recovery")
    failed_ratio_after_rollback: float | None = Field(
        default=None,
        description="bad / all of the requests sent while every replica ran the stable image, until the recovery held, "
        "or the restore; null when there was none",
    )
    stretches: int = Field(description="separate stretches of failing; more than one means flapping")
    schedule_lag_p99_seconds: float | None = Field(description="how late requests left against their schedule")
    error_budget: ErrorBudget | None


class TokenUse(Strict):
    """What the model provider served in a window of the run, by its log. Tokens are what it would bill."""

    seconds: float
    user_requests: int = Field(description="sent to the flow in the window")
    provider_requests: int = Field(description="that the flow sent to the provider, answered or not")
    prompt_tokens: int
    completion_tokens: int
    tokens_per_user_request: float | None = Field(description="null when no user asked anything")


class Tokens(Strict):
    """What the outage cost at the model provider; null where there was no such window, or the log was not read."""

    baseline: TokenUse | None
    outage: TokenUse | None = Field(
        description="from the impact until users are served and no broken pod is left, or the restore"
    )
    cost_ratio: float | None = Field(description="tokens per user request: the outage's / the baseline's")


class ObstacleFacts(Strict):
    """Something that the drill put in the way of the rollback."""

    name: str
    what: str = Field(description="what was done")
    put: Moment
    taken: Moment | None = Field(description="null: it was not taken away, or the run was cut off")
    problem: str | None = Field(default=None, description="what is left of it")


class ActivityFacts(Strict):
    """A Chaos Toolkit activity of the drill."""

    name: str
    place: ActivityPlace = Field(description="when in the drill")
    kind: str = Field(description="action, or probe")
    does: str = Field(description="the function, the program, or the request")
    began: Moment | None = Field(description="null: it did not begin")
    ended: Moment | None = Field(description="null: it did not begin, or the run was cut off")
    end: ActivityEnd | None = Field(description="how it ended; null: the run was cut off")
    tolerance_met: bool | None = Field(description="of a probe; null: it has no tolerance, or gave no answer")
    says: str = Field(description="a probe's answer, or why it is not done; redacted")


class Rollback(Strict):
    """How the way back was taken."""

    strategy: str = Field(description="set-image, undo, command, or human")
    how: str = Field(description="in words; empty for a patch of the image")
    by: str | None = Field(description="who did it; null = the harness itself")


class Assessment(Strict):
    """One objective or check."""

    name: str
    status: Status
    required: str
    observed: str
    detail: str = ""
    limit: float | None = Field(
        default=None, description="of an objective: at most so many seconds, or this share; null for a check"
    )


class ImageFacts(Strict):
    """An image by reference and digest."""

    reference: str
    digest: str
    changes: tuple[str, ...] = ()


class Images(Strict):
    """The two images; null when the run ended before one was known."""

    stable: ImageFacts | None = None
    broken: ImageFacts | None = None


class PhaseSpan(Strict):
    """A phase, in seconds since the run started."""

    phase: str
    start: float
    end: float


class Evidence(Strict):
    """A file of the run folder and what it shows."""

    path: str
    what: str


class RunFacts(Strict):
    """Which run this was."""

    id: str
    drill: str
    description: str
    scenario: str
    started: str = Field(description="UTC, ISO 8601")
    finished: str | None = Field(description="UTC, ISO 8601; null when the run was cut off")
    duration_seconds: float
    cluster: str
    kubernetes_version: str
    namespace: str
    workload: str
    container: str | None
    tool_version: str
    plan_digest: str = Field(description="what `flowdrill plan` prints, and `flowdrill run --approved` compares")
    approved: bool = Field(default=False, description="whether the run was told that this digest is approved")
    host: str
    rolled_back_as: str | None = Field(description="impersonated identity; null = the harness's own")
    clock_step_seconds: float | None = Field(description="how far UTC moved against the monotonic clock in the run")


class Result(Strict):
    """The whole result."""

    schema_: Literal["flowdrill.dev/result/v1"] = Field(default="flowdrill.dev/result/v1", alias="schema")
    run: RunFacts
    verdict: Verdict
    reasons: tuple[str, ...] = Field(description="why the verdict is what it is, most important first")
    end: End | None = Field(description="how the run ended; null when it was cut off")
    measures: Measures
    instants: Instants
    recovery_stages: tuple[Stage, ...]
    requests: Requests
    load: LoadByWorkers | None = Field(
        default=None, exclude_if=lambda load: load is None, description="absent where one process sent the load"
    )
    tokens: Tokens | None = Field(default=None, description="null when the drill names no model provider")
    trigger: str | None = Field(default=None, description="whose word triggers; null before the break")
    detections: tuple[Detection, ...] = Field(description="each detector's first word, in order")
    silent_detectors: tuple[str, ...] = Field(default=(), description="those that said nothing until the restore")
    obstacles: tuple[ObstacleFacts, ...] = Field(default=(), description="what was put in the way of the rollback")
    activities: tuple[ActivityFacts, ...] = Field(
        default=(), description="of Chaos Toolkit's extensions, as the drill lists them; what they did is in no undo"
    )
    game_day: GameDay | None = Field(
        default=None, description="null where people were neither waited for nor heard, and were told nothing"
    )
    rollback: Rollback | None = Field(default=None, description="null when the way back was not taken")
    alerts: tuple[AlertFact, ...] = Field(default=(), description="the team's alerts that had to fire, by stages")
    signals: tuple[Signal, ...] = Field(default=(), description="what Kubernetes said of the broken release, in order")
    objectives: tuple[Assessment, ...]
    checks: tuple[Assessment, ...]
    limits: tuple[Assessment, ...] = Field(
        default=(),
        description="those in force until the restore: kept (pass), reached (fail: it stopped the drill), or not "
        "watched all the time (warning)",
    )
    images: Images
    readiness: Readiness | None = Field(
        default=None, description="what preflight saw of the way back; null when it did not get that far"
    )
    phases: tuple[PhaseSpan, ...]
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...]
    audit: Audit | None = Field(default=None, description="null: made by an older flowdrill")

    @property
    def never_hit(self) -> bool:
        """Whether the failure was seen, and no user ever met it."""
        return self.instants.impact is None and self.measures.outage is not None


class ChartBin(Strict):
    """One column of the report's chart: the requests whose fate became known in it."""

    start: float
    seconds: float
    good: int
    bad: int
    bad_by_reason: dict[str, int] = Field(default_factory=dict)
    latency_p50_seconds: float | None
    latency_p95_seconds: float | None


class Report(Strict):
    """A result with what only the picture needs."""

    result: Result
    chart: tuple[ChartBin, ...]
    latency_objective_seconds: float
    requests_per_second: float
    serving: tuple[ServingStep, ...] = ()
    latencies: tuple[LatencyRow, ...] = ()
    samples: tuple[SampleAnswer, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    plan: dict[str, JsonValue] = Field(default_factory=dict, description="what the drill file says, without defaults")
