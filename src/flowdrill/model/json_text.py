"""JSON that others have written: parsed, with what no reader could use further on refused at once."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any, NoReturn

MOST_DEEP = 100  # no API that is read here nests half as deep; whoever walks a value calls itself once a level
_TEXTS = re.compile(
    r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL
)  # never fails to match: else it would begin anew at each quote
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}
_HALF = re.compile("[\ud800-\udfff]")
_HALVES = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parsed_json(content: bytes | str) -> Any:
    """Return the value. ValueError, and nothing else, for what is no JSON, nests deeper than 100 levels, or has numbers
    that are none (NaN, 1e999). Bytes that are no UTF-8, and halves of surrogate pairs, which no file can hold, become
    U+FFFD."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    if max(accumulate(map(_DEEPER.__getitem__, _NO_BRACKETS.sub("", _TEXTS.sub("", text)))), default=0) > MOST_DEEP:
        raise ValueError(f"nests deeper than {MOST_DEEP} levels")
    value = json.loads(text.removeprefix("\ufeff"), parse_float=_finite, parse_constant=_no_number)
    return _whole(value) if _HALVES.search(text) else value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _whole(value: Any) -> Any:
    """The value without halves of surrogate pairs."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value
