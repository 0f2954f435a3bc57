"""A drill: target + scenario + load + detection + rollback + objectives. The shape of `drills/*.yaml`."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from flowdrill.model.audit_plan import AuditPlan
from flowdrill.model.calendar_plan import CalendarPlan
from flowdrill.model.chaos_plan import ChaosPlan
from flowdrill.model.detect_plan import HUMAN, DetectPlan, Trigger
from flowdrill.model.guard_plan import GuardPlan
from flowdrill.model.limits_plan import LimitsPlan, WatchedAlerts
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.obstacle_plan import ObstacleKind, ObstaclePlan
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.quantity import Ratio, Seconds
from flowdrill.model.rollback_plan import Decider, RollbackPlan
from flowdrill.model.rule import LatencyPercentile, ThresholdRule, unseen_because
from flowdrill.model.safety_plan import SafetyPlan
from flowdrill.model.strict import Strict
from flowdrill.model.url_template import OF_SERVICE, places_in, put_in
from flowdrill.model.workload import WorkloadKind

_DOUBT = 0.01  # the baseline's bad ratio is bounded with 99 % confidence (analysis.detector.normal_bad_ratio_of)
_BESIDE_ITS_LIMITS_SECONDS = 900.0  # what preflight, pushing an image and starting a provider may take
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


def _kind_and_name(text: str) -> str:
    kind, slash, name = text.partition("/")
    if not slash or kind not in list(WorkloadKind) or not re.fullmatch(_DNS_NAME, name):
        raise ValueError(f"needs deployment/NAME or statefulset/NAME, not {text!r}")
    return text


_WorkloadName = Annotated[str, AfterValidator(_kind_and_name), Field(description="deployment/NAME or statefulset/NAME")]
_Container = Annotated[
    str | None, Field(default=None, pattern=_DNS_LABEL, description="needed when the pod has several")
]


class Target(Strict):
    """The workload to break and roll back, named as kubectl does: `workload: deployment/langflow-flow`."""

    namespace: str = Field(pattern=_DNS_LABEL)
    workload: _WorkloadName
    container: _Container = None

    @property
    def kind(self) -> WorkloadKind:
        """Deployment or StatefulSet."""
        return WorkloadKind(self.workload.partition("/")[0])

    @property
    def name(self) -> str:
        """The workload's name."""
        return self.workload.partition("/")[2]


class ProviderPlan(Strict):
    """The model provider behind the flow, where it is a stand-in whose mode a drill may set and whose log is read:
    scenarios/provider/provider.py, in the target's namespace. The drill starts a Deployment that is not there."""

    workload: _WorkloadName
    container: _Container = None
    service: str | None = Field(
        default=None,
        pattern=_DNS_LABEL,
        description="the Service by which the flow reaches it, where the drill starts it; default: the workload's name",
    )

    def target(self, namespace: str) -> Target:
        """Return it as a workload of `namespace`."""
        return Target(namespace=namespace, workload=self.workload, container=self.container)


class RegistryAccess(Strict):
    """How the harness reaches the registry that holds the stable image."""

    plain_http: bool = Field(default=False, description="HTTP without TLS; always allowed for loopback addresses")
    ca_file: str | None = Field(default=None, description="PEM file with the registry's certificate authority")
    platform: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?$",
        description="the nodes' os/architecture[/variant], such as linux/arm64: which image of a multi-platform one is "
        "meant; default: this machine's, else linux/amd64",
    )


class EmbeddedTarget(Strict):
    """How the target gets onto the embedded cluster: applied before each drill there, never on any other cluster."""

    manifests: str = Field(min_length=1, description="file with the target's Kubernetes objects, beside the drill file")
    flow: str | None = Field(default=None, min_length=1, description="flow to lay on this machine's LangFlow runtime")
    image: str | None = Field(default=None, min_length=1, description="the image to drill, instead of a flow")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.flow is None) == (self.image is None):
            raise ValueError("needs either flow or image")
        return self


class BaselinePlan(Strict):
    """The steady state that must hold before anything is broken."""

    window: Seconds = Field(default="15s", validate_default=True)
    max_bad_ratio: Ratio = Field(
        default="5%",
        validate_default=True,
        gt=0,
        le=0.5,
        description="the most that may pass for normal; a noisier baseline stops the drill before the break",
    )


class Inject(Strict):
    """A note for the people of a game day: it is shown and noted down at its time."""

    after: Seconds = Field(description="from the break")
    text: str = Field(min_length=1, max_length=600)


class Objectives(Strict):
    """What the drill must show. An objective that is left out is not judged."""

    time_to_detect: Seconds | None = None
    time_to_acknowledge: Seconds | None = Field(
        default=None, description="from the impact until somebody says that they have noticed"
    )
    time_to_act: Seconds | None = Field(
        default=None, description="with `by: human`: from that acknowledgement until somebody rolls back"
    )
    time_to_recover: Seconds | None = None
    outage: Seconds | None = None
    failed_requests_ratio: Ratio | None = Field(default=None, description="bad requests from the break to the recovery")


class ServiceLevelObjective(Strict):
    """The availability that the error budget is computed from."""

    availability: Ratio = Field(default="99.9%", validate_default=True, lt=1)
    period: Seconds = Field(default="30d", validate_default=True)


def _whole_or_extending(schema: dict[str, Any]) -> None:
    """In a file that extends another one, nothing but its name is needed."""
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["extends", "drill"]}]


class Drill(Strict):
    """One plan, as written in a drill file."""

    model_config = ConfigDict(json_schema_extra=_whole_or_extending)

    drill: str = Field(pattern=_DNS_LABEL, max_length=63, description="the drill's name; names the report's folder")
    extends: str | None = Field(
        default=None, description="drill file beside this one: what is not given here is taken from there"
    )
    description: str = ""
    target: Target
    provider: ProviderPlan | None = Field(default=None, description="needed by scenarios that change the provider")
    embedded: EmbeddedTarget | None = Field(default=None, description="only looked at without --context")
    scenario: str = Field(min_length=1, description="a name in scenarios/, or a path to a scenario folder")
    registry: RegistryAccess = RegistryAccess()
    load: LoadPlan
    baseline: BaselinePlan = BaselinePlan()
    detect: DetectPlan = DetectPlan()
    rollback: RollbackPlan = RollbackPlan()
    policy: PolicyPlan = PolicyPlan()
    safety: SafetyPlan = Field(default=SafetyPlan(), description="where the drill may run at all")
    guard: GuardPlan = GuardPlan()
    obstacles: tuple[ObstaclePlan, ...] = Field(
        default=(), description="what is put in the way of the rollback, to see whether the brake holds all the same"
    )
    injects: tuple[Inject, ...] = Field(default=(), description="what is told to people meanwhile, on a game day")
    chaos: ChaosPlan = Field(
        default=ChaosPlan(), description="activities of Chaos Toolkit's extensions, run around and beside the drill"
    )
    hold: Seconds = Field(default="10s", validate_default=True, description="how long the recovery must hold")
    objectives: Objectives = Objectives()
    slo: ServiceLevelObjective = ServiceLevelObjective()
    limits: LimitsPlan = LimitsPlan()
    audit: AuditPlan = Field(default=AuditPlan(), description="what an auditor asks for, and no cluster knows")
    calendar: CalendarPlan | None = Field(default=None, description="when `flowdrill run --scheduled` may begin")

    @property
    def at_its_url(self) -> Drill:
        """The same drill with what its target says put into its URL."""
        target = self.target
        values = {"namespace": target.namespace, "name": target.name, "kind": str(target.kind)}
        return self.model_copy(update={"load": self.load.model_copy(update={"url": put_in(self.load.url, values)})})

    @property
    def url_is_known(self) -> bool:
        """Whether requests can be sent: nothing is left in the URL that only a cluster says."""
        return not set(places_in(self.load.url)) & set(OF_SERVICE)

    @property
    def wall_clock_limit_seconds(self) -> float:
        """How long the run may take until it is stopped."""
        own = self.baseline.window + self.detect_limit_seconds + self.rollback.limit + self.hold
        own += sum(self.chaos.limit_seconds(one) for one in (*self.chaos.steady_state, *self.chaos.before))
        return self.limits.wall_clock or 2 * own + _BESIDE_ITS_LIMITS_SECONDS

    @property
    def by_people(self) -> bool:
        """Whether people decide, and roll back."""
        return self.rollback.by is Decider.HUMAN

    @property
    def trigger(self) -> Trigger:
        """What triggers the rollback."""
        return self.detect.trigger_of(by_people=self.by_people)

    @property
    def detect_limit_seconds(self) -> float:
        """How long it may take until the failure is noticed; on a game day people have their own limit."""
        return self.rollback.human_limit_seconds if self.by_people else self.detect.limit

    @model_validator(mode="after")
    def _rules_can_be_evaluated(self) -> Self:
        for name, rule in self.detect.rules.items():
            why = unseen_because(rule, self.load.latency_objective)
            if why is not None:
                raise ValueError(f"`detect.rules.{name}`: {why}")
            if self.load.workers and isinstance(rule, ThresholdRule) and isinstance(rule.measure, LatencyPercentile):
                raise ValueError(
                    f"`detect.rules.{name}`: a percentile needs how long each request took, and `load.workers` "
                    "tells of good and bad ones in bins: write it as bad_ratio, or leave load.workers out"
                )
        return self

    @model_validator(mode="after")
    def _trigger_can_come(self) -> Self:
        if self.detect.trigger == HUMAN and not self.by_people:
            raise ValueError("`detect.trigger: human` needs `rollback.by: human`: nobody is waited for")
        if self.by_people and HUMAN not in self.trigger.names:
            raise ValueError(
                f"`detect.trigger: {self.detect.trigger}` and `rollback.by: human` do not fit: then people decide"
            )
        return self

    @model_validator(mode="after")
    def _obstacles_fit(self) -> Self:
        kinds = [one.kind for one in self.obstacles]
        if len(set(kinds)) < len(kinds):
            raise ValueError("`obstacles`: each kind can be in the way once")
        if ObstacleKind.ROLLOUT_PAUSED in kinds and self.target.kind is not WorkloadKind.DEPLOYMENT:
            raise ValueError("`obstacles`: rollout-paused needs a Deployment: a StatefulSet cannot be paused")
        if ObstacleKind.PERMISSION_REMOVED in kinds and self.rollback.subject is None:
            raise ValueError("`obstacles`: permission-removed needs `rollback.as`: whose permission is taken away")
        return self

    @model_validator(mode="after")
    def _limits_can_hold(self) -> Self:
        if self.limits.alerts is WatchedAlerts.OUTSIDE and self.detect.prometheus is None:
            raise ValueError("`limits.alerts: outside` needs `detect.prometheus`, which says where alerts fire")
        if self.wall_clock_limit_seconds <= self.baseline.window:
            raise ValueError("`limits.wall_clock` must be longer than `baseline.window`: nothing would ever be broken")
        return self

    @model_validator(mode="after")
    def _somebody_can_act(self) -> Self:
        if self.objectives.time_to_act is not None and not self.by_people:
            raise ValueError("`objectives.time_to_act` needs `rollback.by: human`: nobody else is asked to act")
        return self

    @model_validator(mode="after")
    def _baseline_can_hold(self) -> Self:
        """Even without a bad request, a baseline shows a ratio only up to the bound that so few requests leave open."""
        cap, rate = self.baseline.max_bad_ratio, self.load.requests_per_second
        needed_seconds = math.log(_DOUBT) / math.log(1 - cap) / rate
        if self.baseline.window < needed_seconds:
            raise ValueError(
                f"baseline.window is too short: at {rate:g} requests/s it takes {math.ceil(needed_seconds)}s "
                f"to show that at most {cap:.2%} are bad (baseline.max_bad_ratio)"
            )
        return self
