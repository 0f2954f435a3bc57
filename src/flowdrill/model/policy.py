"""What a team asks of the images it could roll back to: the `policy:` of a drill."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from flowdrill.model.image_health import Tier
from flowdrill.model.quantity import Ratio, Seconds
from flowdrill.model.strict import Strict

_DNS_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class Severity(StrEnum):
    """How bad a vulnerability is, as scanners grade it; the worst last."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class LedgerPlan(Strict):
    """Where it is written down which versions are verified stable."""

    config_map: str | None = Field(
        default=None,
        pattern=_DNS_NAME,
        description="ConfigMap in the target's namespace; default: flowdrill-ledger-KIND-NAME of the workload",
    )
    file: str | None = Field(default=None, min_length=1, description="a file beside the drill file, instead")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.config_map is not None and self.file is not None:
            raise ValueError("needs either `config_map` or `file`: a ledger is in one place")
        return self


class ScannerPlan(Strict):
    """A vulnerability scanner's word on the stable image."""

    report: str | None = Field(default=None, min_length=1, description="Trivy's JSON, a file beside the drill file")
    run: bool = Field(default=False, description="run `trivy image` where it is installed")
    severity: Severity = Field(default=Severity.CRITICAL, description="from which severity on a finding fails")


class PolicyPlan(Strict):
    """What must be there to roll back to, and how thoroughly that is looked at."""

    verified_versions: int = Field(
        default=3, ge=1, le=50, description="how many of the versions verified last must be retained"
    )
    revisions: int = Field(default=3, ge=0, le=50, description="how many earlier revisions are looked at, too")
    archive_after: Seconds = Field(
        default="30d", validate_default=True, description="older images may be archived, except the last verified ones"
    )
    tier: Tier = Field(default=Tier.COMPLETE, description="how far images are looked at: exists, complete, bytes")
    sample: Ratio = Field(
        default="100%", validate_default=True, gt=0, description="for tier bytes: how much of the blobs is downloaded"
    )
    tag_pattern: str | None = Field(
        default=None,
        description="regular expression for tags that never move here, beside semantic versions and commit hashes",
    )
    ledger: LedgerPlan = LedgerPlan()
    advisories: str | None = Field(
        default=None, min_length=1, description="file like policy/langflow-advisories.yaml, which is the default"
    )
    scanner: ScannerPlan | None = None

    @field_validator("tag_pattern")
    @classmethod
    def _is_a_pattern(cls, text: str | None) -> str | None:
        try:
            re.compile(text or "")
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return text
