"""A scenario: how a release breaks, what users and Kubernetes see of it, and whether a rollback helps. The shape of
`scenario.yaml`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from flowdrill.model.flow_operations import Code, FlowChange
from flowdrill.model.strict import Strict

SCENARIO_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SCENARIO_NAME_LENGTH = 40


class AddFile(Strict):
    """Puts a file of the scenario's folder (`source`), or a text (`text`), at an absolute path in the image."""

    path: str = Field(pattern=r"^/")
    source: str | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.text is None):
            raise ValueError("needs exactly one of source, text")
        return self


class FileChanges(Strict):
    """Files added (or replaced) and removed, by absolute path."""

    add: tuple[AddFile, ...] = ()
    remove: tuple[str, ...] = ()


class EnvChanges(Strict):
    """Environment variables."""

    set: dict[str, str] = Field(default_factory=dict)
    unset: tuple[str, ...] = ()


class ConfigMapChange(Strict):
    """Changes a flow that lies in a ConfigMap which the target container mounts. A ConfigMap is no part of a revision:
    no rollback brings it back."""

    name: str | None = Field(default=None, description="default: the one that the container mounts")
    key: str | None = Field(default=None, description="default: the one that holds a flow")
    flow: tuple[FlowChange, ...] = Field(min_length=1)


class ProviderMode(StrEnum):
    """What the stand-in for a model provider (scenarios/provider/provider.py) does with a request."""

    OK = "ok"
    SLOW = "slow"
    SERVER_ERROR = "500"
    RATE_LIMIT = "429"
    UNAUTHORIZED = "401"
    BAD_JSON = "bad-json"
    HANG = "hang"
    EMPTY = "empty"


class ProviderChange(Strict):
    """What the model provider does from the release on. It is no part of a revision: no rollback brings it back."""

    mode: ProviderMode


class WorkloadChanges(Strict):
    """What comes with the release beside its image: changes of the target container in the pod template, which a
    rollback takes back, and of its ConfigMaps, which it does not."""

    env: EnvChanges = EnvChanges()
    resources: dict[str, dict[str, str]] | None = Field(
        default=None, description="merged into the container's resources, as {limits: {cpu: 100m}}"
    )
    readiness_probe: dict[str, Any] | None = Field(default=None, description="merged into the container's own")
    liveness_probe: dict[str, Any] | None = Field(default=None, description="merged into the container's own")
    startup_probe: dict[str, Any] | None = Field(default=None, description="merged into the container's own")
    config_map: ConfigMapChange | None = None


class Candidate(Strict):
    """A version that somebody means to release, in the broken one's place: it must serve, and is rolled back all the
    same (`flowdrill gate`)."""

    image: str | None = Field(
        default=None, pattern=r"@sha256:[0-9a-f]{64}$", description="the image, by digest; only labels are added to it"
    )
    source: str | None = Field(
        default=None, min_length=1, description="a flow of the scenario's folder, in place of the stable image's own"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.image is None) == (self.source is None):
            raise ValueError("needs exactly one of image, source")
        return self


class Changes(Strict):
    """Everything that differs between the stable and the broken release."""

    candidate: Candidate | None = Field(default=None, description="the release is meant: needs the symptom nothing")
    flow: tuple[FlowChange, ...] = ()
    files: FileChanges = FileChanges()
    env: EnvChanges = EnvChanges()
    command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="becomes the image's entrypoint; its own entrypoint and arguments go. {flow_file} and "
        "{flow_folder} stand for the flow's path and folder in the image",
    )
    python: tuple[Code, ...] = Field(
        default=(), description="code that every Python of the container runs at its start"
    )
    workload: WorkloadChanges = WorkloadChanges()
    provider: ProviderChange | None = Field(default=None, description="needs a drill that names the provider")

    def followed_by(self, later: Changes) -> Changes:
        """Return these changes and then the `later` ones; where both set the same thing, the later one holds."""
        env, workload = _merged_env(self.env, later.env), self.workload
        return Changes(
            candidate=later.candidate or self.candidate,
            flow=(*self.flow, *later.flow),
            files=FileChanges(
                add=(*self.files.add, *later.files.add), remove=(*self.files.remove, *later.files.remove)
            ),
            env=env,
            command=later.command or self.command,
            python=(*self.python, *later.python),
            workload=WorkloadChanges(
                env=_merged_env(workload.env, later.workload.env),
                **{
                    name: getattr(later.workload, name) or getattr(workload, name)
                    for name in WorkloadChanges.model_fields
                    if name != "env"
                },
            ),
            provider=later.provider or self.provider,
        )


def _merged_env(first: EnvChanges, later: EnvChanges) -> EnvChanges:
    kept = {name: value for name, value in first.set.items() if name not in later.unset}
    unset = dict.fromkeys((*(name for name in first.unset if name not in later.set), *later.unset))
    return EnvChanges(set={**kept, **later.set}, unset=tuple(unset))


class Recovery(Strict):
    """What puts back the data that a release changes, and no image holds: laid over the stable image for one rollout,
    which the restore makes before that of the stable image itself."""

    python: tuple[Code, ...] = Field(min_length=1, description="run by every Python of the container at its start")


class Symptom(StrEnum):
    """What users of the broken version see."""

    BAD_ANSWERS = "bad-answers"  # requests fail or answer wrongly
    SLOW_ANSWERS = "slow-answers"  # requests pass the latency objective
    NO_SERVICE = "no-service"  # connections fail
    STALLED_ROLLOUT = "stalled-rollout"  # nothing: the broken version never gets ready, and the old one goes on serving
    NOTHING = "nothing"  # nothing at all: a control


class Detector(StrEnum):
    """What can say that a service is broken."""

    SEQUENTIAL = "sequential"  # the answers that users get
    KUBERNETES = "kubernetes"  # crashes, image pulls, deadlines: what the cluster says of the workload


class Scenario(Strict):
    """One way in which a LangFlow release breaks."""

    scenario: str = Field(pattern=SCENARIO_NAME, max_length=SCENARIO_NAME_LENGTH)
    extends: tuple[str, ...] = Field(default=(), description="scenarios whose changes are made first, in this order")
    story: str = Field(min_length=1, description="how this fault reaches production, in a paragraph")
    flow_file: str | None = Field(
        default=None, pattern=r"^/", description="the flow in the image; found by itself where there is one"
    )
    changes: Changes = Changes()
    recovery: Recovery | None = Field(default=None, description="needed where the changes reach data: a database")
    symptom: Symptom
    seen_by_users: str = Field(min_length=1, description="what an answer looks like")
    seen_by_kubernetes: str = Field(
        default="Nothing: the rollout completes.", min_length=1, description="what pods, events and the rollout show"
    )
    detected_by: tuple[Detector, ...] = Field(default=(), description="detectors that must see it")
    not_detected_by: tuple[Detector, ...] = Field(default=(), description="detectors that cannot see it")
    rollback_helps: bool = Field(default=True, description="whether the rollback of the release ends it")

    @property
    def is_candidate(self) -> bool:
        """Whether the release is one that is meant, and is rolled back although nothing is wrong with it."""
        return self.changes.candidate is not None

    def for_recovery(self) -> Scenario | None:
        """Return what makes the image that puts the data back, None where no data is changed. Its name ends in
        `-recovery`."""
        if self.recovery is None:
            return None
        changes = Changes(python=self.recovery.python)
        return self.model_copy(
            update={"scenario": f"{self.scenario}-recovery", "changes": changes, "recovery": None, "extends": ()}
        )

    @model_validator(mode="after")
    def _detectors_once(self) -> Self:
        both = sorted(set(self.detected_by) & set(self.not_detected_by))
        if both:
            raise ValueError(f"{', '.join(both)}: both in detected_by and in not_detected_by")
        return self

    @model_validator(mode="after")
    def _something_changes(self) -> Self:
        if self.changes == Changes() and not self.extends and self.symptom is not Symptom.NOTHING:
            raise ValueError(f"changes nothing: give at least one of {', '.join(Changes.model_fields)}, or extends")
        return self

    @model_validator(mode="after")
    def _candidate_alone(self) -> Self:
        changes, candidate = self.changes, self.changes.candidate
        if candidate is None:
            return self
        if self.symptom is not Symptom.NOTHING:
            raise ValueError("`changes.candidate` needs `symptom: nothing`: it is meant to serve")
        beside = Changes(candidate=candidate, workload=changes.workload)
        if changes != beside or self.recovery is not None or self.extends:
            raise ValueError("`changes.candidate` goes with `changes.workload` alone: it is released as it is")
        return self
