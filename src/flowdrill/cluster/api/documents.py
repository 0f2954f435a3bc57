"""What clients send as JSON or YAML, as values that can be kept, copied and sent on."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

from flowdrill.cluster.api.status_error import bad_request

_DEEPEST = 150  # copying a value takes two calls a level, of Python's thousand
_MOST_VALUES = 2_000_000  # more than the largest body can spell out: YAML's aliases multiply


def json_document(text: bytes) -> Any:
    """Return a JSON text's value; StatusError 400, for NaN, numbers beyond all bounds and deep nesting too."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the object provided is unrecognized: it is no JSON: {str(error)[:300]}") from error
    return sound(value)


def yaml_document(text: bytes) -> Any:
    """Return a YAML text's value, as JSON would say it; StatusError 400."""
    import yaml  # noqa: PLC0415 - clients send JSON in nearly all cases: the parser is not worth its memory

    try:
        value = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are the safe one
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise bad_request(f"error decoding YAML: {' '.join(str(error).split())[:300]}") from error
    return sound(value)


def sound(value: Any) -> Any:
    """Return a copy that JSON can write and every client can read; StatusError 400 when there is none."""
    return _Copy().of(value, 0)


class _Copy:
    def __init__(self) -> None:
        self._values = 0

    def of(self, value: Any, depth: int) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise bad_request("the object provided is nested too deeply or has too many values")
        if isinstance(value, str):
            return value if value.isascii() else _text(value)
        if isinstance(value, dict):
            return {_key(name): self.of(one, depth + 1) for name, one in value.items()}
        if isinstance(value, list):
            return [self.of(one, depth + 1) for one in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise bad_request(f"the object provided is unrecognized: {value} is no number of JSON")
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, date):
            return value.isoformat()
        raise bad_request(f"the object provided is unrecognized: {type(value).__name__} is no type of JSON")


def _key(name: Any) -> str:
    if isinstance(name, str):
        return _text(name)
    if name is None or isinstance(name, (bool, int, float)):
        return json.dumps(name)
    raise bad_request("the object provided is unrecognized: a key is no text")


def _text(text: str) -> str:
    """The text, with U+FFFD for halves of surrogate pairs: nothing could encode those."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
