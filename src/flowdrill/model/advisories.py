"""Releases with known vulnerabilities: the shape of `policy/langflow-advisories.yaml`, and of what replaces it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Annotated, Literal

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, Field, field_validator

from flowdrill.model.strict import Strict


def _is_a_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion as error:
        raise ValueError(f"needs a version such as 1.9.2, not {text!r}") from error
    return text


def _is_a_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"needs a day such as 2026-11-26, not {text!r}") from error


class Advisory(Strict):
    """One known vulnerability, and the first release without it."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=64, description="such as CVE-2025-3248")
    fixed_in: Annotated[str, AfterValidator(_is_a_version)] = Field(
        max_length=64, description="the first release without it: every version below has it (PEP 440)"
    )
    exploited: bool = Field(default=False, description="attackers were seen to use it: no rollback may bring it back")
    what: str = Field(min_length=1, max_length=200, description="in a few words")


class Advisories(Strict):
    """A floor for rollbacks: as complete as who wrote it made it, on the day that it says."""

    product: Literal["langflow"]
    as_of: Annotated[str, AfterValidator(_is_a_date)] = Field(
        description="the day on which the list was written, in quotes", json_schema_extra={"format": "date"}
    )
    advisories: tuple[Advisory, ...] = Field(min_length=1)

    @field_validator("advisories")
    @classmethod
    def _named_once(cls, advisories: tuple[Advisory, ...]) -> tuple[Advisory, ...]:
        twice = sorted(name for name, count in Counter(one.id for one in advisories).items() if count > 1)
        if twice:
            raise ValueError(f"has {', '.join(twice)} more than once")
        return advisories
