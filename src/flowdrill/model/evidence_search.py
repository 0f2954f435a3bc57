"""Asking the history: is there a drill that has shown that this image can be rolled back to? Its JSON Schema is
`schemas/evidence.v1.json`."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.strict import Strict


class Found(StrEnum):
    """The answer."""

    PROVEN = "proven"  # such a drill is there, and the key's owner has signed it
    NOT_PROVEN = "not-proven"  # such a drill is there, and no key was given to check who says so
    NONE = "none"


class RecordedDrill(Strict):
    """A run that was looked at. `why_not`: the first reason why it is no evidence; empty for one that is."""

    run: str = Field(description="where it is, in the folder that was searched")
    id: str | None = None
    drill: str | None = None
    finished: str | None = Field(default=None, description="UTC, ISO 8601")
    age_seconds: float | None = None
    stable_digest: str | None = None
    key_id: str | None = Field(default=None, description="of the key that has signed it; checked only where it counts")
    why_not: str = ""


class EvidenceAnswer(Strict):
    """What the history says."""

    schema_: Literal["flowdrill.dev/evidence/v1"] = Field(default="flowdrill.dev/evidence/v1", alias="schema")
    store: str
    image: str = Field(description="the digest that was asked for")
    not_older_than_seconds: float
    asked: str = Field(description="UTC, ISO 8601: what the ages are counted to")
    found: Found
    says: str = Field(description="the answer in a sentence")
    evidence: RecordedDrill | None = Field(default=None, description="the newest drill that counts; null: none does")
    nearest: tuple[RecordedDrill, ...] = Field(default=(), description="those that come nearest, and why they do not")
    runs: int = Field(description="how many were looked at")
    unreadable: tuple[str, ...] = Field(default=(), description="what could not be read, each with why")
