"""What `flowdrill preflight` answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowdrill.model.readiness import Readiness
from flowdrill.model.result import Assessment, Verdict
from flowdrill.model.strict import Strict


class PreflightResult(Strict):
    """Whether the drill could start, and the workload be rolled back."""

    schema_: Literal["flowdrill.dev/preflight/v1"] = Field(default="flowdrill.dev/preflight/v1", alias="schema")
    drill: str
    scenario: str
    cluster: str
    kubernetes_version: str
    namespace: str
    workload: str
    verdict: Verdict
    reasons: tuple[str, ...] = Field(description="what does not hold; empty for a pass")
    checks: tuple[Assessment, ...]
    readiness: Readiness | None = Field(description="null when it ended before anything could be looked at")
    took_seconds: float
