"""A drill: target + scenario + load + detection + rollback + objectives. The shape of `drills/*.yaml`."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from flowdrill.model.access import GROUP, Subject
from flowdrill.model.load_settings import MAX_IN_FLIGHT
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.quantity import Ratio, Seconds
from flowdrill.model.route import Route
from flowdrill.model.strict import Strict
from flowdrill.model.workload import WorkloadKind

_DOUBT = 0.01  # the baseline's bad ratio is bounded with 99 % confidence (analysis.detector.normal_bad_ratio_of)
_DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_URL = r"^https?://[^/\s?#@]+(/[^\s?#]*)?$"  # for editors; what is wrong with a URL is said by `LoadPlan`


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


class LoadPlan(Strict):
    """The requests users would send, at a fixed rate, whether or not earlier ones came back."""

    url: str = Field(json_schema_extra={"pattern": _URL}, description="the service, as its users reach it")
    route: Route
    flow: str = Field(pattern=r"^[\w.-]+$", description="the flow's id, or its endpoint name for langflow-run")
    input: str = "hello"
    expect: str = Field(min_length=1, description="text that every good answer contains")
    api_key_from: str | None = Field(
        default=None, pattern=r"^[A-Za-z_]\w*$", description="environment variable that holds the API key"
    )
    requests_per_second: float = Field(gt=0, le=1000)
    latency_objective: Seconds = Field(default="2s", validate_default=True)
    timeout: Seconds = Field(default="30s", validate_default=True)
    requests_per_connection: int = Field(default=1, ge=1, description="1: every request may reach another replica")

    @field_validator("url")
    @classmethod
    def _base_of_all_requests(cls, text: str) -> str:
        # the text is in no message: a URL that is refused for its password must not be printed with it
        try:
            parts = urlsplit(text)
            usable = (80 if parts.port is None else parts.port) > 0 and not parts.netloc.endswith(":")
        except ValueError:
            usable = False
        if not usable or not parts.hostname or not text.startswith(("http://", "https://")) or re.search(r"\s", text):
            raise ValueError("needs http:// or https://, a host, and at most a port (1 to 65535) and a path")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user or a password: api_key_from names the variable with the API key")
        if "?" in text or "#" in text:
            raise ValueError("must not have a query or a fragment: the route's path is put behind it")
        return text

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        if self.timeout < self.latency_objective:
            raise ValueError("timeout must not be shorter than latency_objective")
        if self.requests_per_second * self.timeout > MAX_IN_FLIGHT:
            longest = f"{MAX_IN_FLIGHT / self.requests_per_second:g}s"
            raise ValueError(
                f"more than {MAX_IN_FLIGHT} requests could be open at once: at {self.requests_per_second:g} requests/s "
                f"the timeout can be at most {longest}"
            )
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


class DetectPlan(Strict):
    """How long the detectors may take."""

    limit: Seconds = Field(default="180s", validate_default=True)


class RollbackPlan(Strict):
    """The way back: the stable image, by digest; and who takes it."""

    limit: Seconds = Field(default="300s", validate_default=True)
    as_user: str | None = Field(
        default=None,
        alias="as",
        min_length=1,
        description="identity that rolls back, by impersonation: a user, or system:serviceaccount:NAMESPACE:NAME; "
        "default: the harness itself, which says nothing about whoever is on call",
    )
    groups: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="groups that the identity is in (`as` alone has none but what the cluster gives it)"
    )
    kubeconfig: str | None = Field(
        default=None,
        min_length=1,
        description="kubeconfig of whoever rolls back, beside the drill file; instead of `as`",
    )
    context: str | None = Field(
        default=None, min_length=1, description="the context in that kubeconfig; default: its only one"
    )
    not_by: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="users (or service accounts, or `group:NAME`) who must not be able to patch the workload",
    )

    @field_validator("as_user", "groups", "not_by")
    @classmethod
    def _fit_a_header(cls, names: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for name in (names,) if isinstance(names, str) else names or ():
            if not (name.isascii() and name.isprintable()):
                raise ValueError(f"needs names of printable ASCII characters, not {name!r}")
            if Subject(name).is_misspelt:
                raise ValueError(f"names nobody: {name!r}: write system:serviceaccount:NAMESPACE:NAME, or group:NAME")
        return names

    @field_validator("as_user")
    @classmethod
    def _is_somebody(cls, name: str | None) -> str | None:
        if name is not None and name.startswith(GROUP):
            raise ValueError(f"names {name!r}, and a group alone is nobody: name a user, and the group in `groups`")
        return name

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.kubeconfig is not None and self.as_user is not None:
            raise ValueError("needs either `as` or `kubeconfig`: both name who rolls back")
        if self.groups and self.as_user is None:
            raise ValueError("`groups` need `as`: a group alone is nobody")
        if self.context is not None and self.kubeconfig is None:
            raise ValueError("`context` needs `kubeconfig`, the file that it is in")
        return self

    @property
    def subject(self) -> Subject | None:
        """Who rolls back by impersonation; None: the harness itself, or a kubeconfig of its own."""
        if self.as_user is None:
            return None
        account = Subject(self.as_user).service_account
        own = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}") if account and self.groups else ()
        return Subject(self.as_user, (*self.groups, *own))  # the API server adds an account's own to no others


class Objectives(Strict):
    """What the drill must show. An objective that is left out is not judged."""

    time_to_detect: Seconds | None = None
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
    hold: Seconds = Field(default="10s", validate_default=True, description="how long the recovery must hold")
    objectives: Objectives = Objectives()
    slo: ServiceLevelObjective = ServiceLevelObjective()

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
