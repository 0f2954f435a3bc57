"""What a scenario showed when its broken image ran alone: `flowdrill scenario try`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainSerializer

from flowdrill.model.outcome import Reason
from flowdrill.model.scenario import Symptom
from flowdrill.model.strict import Strict

ReasonName = Annotated[Reason, PlainSerializer(lambda reason: reason.name.lower(), return_type=str, when_used="json")]


class TriedPod(Strict):
    """What became of the pod."""

    ready_after_seconds: float | None = Field(description="since it was created; null: it never was ready")
    watched_seconds: float = Field(description="until it was ready or had failed, or the limit")
    failed: str | None = Field(default=None, description="what Kubernetes says of a pod that did not get ready")
    ended: str | None = Field(default=None, description="how its container ended last: OOMKilled (exit code 137)")
    says: str = Field(default="", description="the newest complaint about a pod that runs and is not ready")
    log: tuple[str, ...] = Field(default=(), description="its log's last lines, when it failed or ended")


class TriedAnswer(Strict):
    """One request's fate. Texts are redacted and on one line."""

    reason: ReasonName
    http_status: int | None
    seconds: float
    body: str = Field(description="its beginning, or what became of the connection")


class Trial(Strict):
    """All of it."""

    scenario: str
    declared: Symptom
    seen: tuple[Symptom, ...] = Field(description="worst first")
    as_declared: bool
    seen_by_users: str = Field(description="what the scenario says that users see")
    seen_by_kubernetes: str = Field(description="what the scenario says that Kubernetes sees")
    image: str
    changes: tuple[str, ...]
    pod: TriedPod
    request: str
    answers: tuple[TriedAnswer, ...]
    notes: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    took_seconds: float
