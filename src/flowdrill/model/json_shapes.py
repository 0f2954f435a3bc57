"""What others sent, in the shape that is expected; anything else counts as if it were not there."""

from __future__ import annotations

from typing import Any


def as_mapping(value: object) -> dict[str, Any]:
    """Return `value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_mappings(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects in the list `value`; none when it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_texts(value: object) -> list[str]:
    """Return the texts in the list `value`; none when it is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """Return `value` when it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def as_count(value: object) -> int | None:
    """Return `value` when it is a whole number, not below 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def inside(value: object, *keys: str) -> dict[str, Any]:
    """Return the JSON object that `keys` lead to, one inside the other; an empty one where there is none."""
    for key in keys:
        value = as_mapping(value).get(key)
    return as_mapping(value)
