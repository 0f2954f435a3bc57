"""The base of everything that is parsed from YAML or written as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Frozen; unknown keys and wrong types are errors. Parse with `model_validate_json`: JSON's rules for strictness
    take a list for a tuple and a string for an enum, but no `"20"` for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True, defer_build=True)
