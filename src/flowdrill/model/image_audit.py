"""What `flowdrill audit images` answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowdrill.model.readiness import ImageRow
from flowdrill.model.result import Assessment, Verdict
from flowdrill.model.strict import Strict


class AuditedWorkload(Strict):
    """One LangFlow workload, and the images it may have to be rolled back to."""

    namespace: str
    workload: str = Field(description="deployment/NAME or statefulset/NAME")
    container: str
    image: str = Field(description="as in the workload's template")
    because: tuple[str, ...] = Field(description="what it was taken for LangFlow by")
    verdict: Verdict
    checks: tuple[Assessment, ...]
    images: tuple[ImageRow, ...]
    problem: str = Field(default="", description="why it could not be looked at")


class ImageAudit(Strict):
    """Every LangFlow workload that was found."""

    schema_: Literal["flowdrill.dev/image-audit/v1"] = Field(default="flowdrill.dev/image-audit/v1", alias="schema")
    cluster: str
    scope: str = Field(description="namespace/NAME, or the cluster")
    started: str = Field(description="UTC, ISO 8601")
    verdict: Verdict
    workloads: tuple[AuditedWorkload, ...]
    took_seconds: float
