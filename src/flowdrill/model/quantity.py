"""Quantities as people write them in a plan: `90s`, `1m30s`, `250ms`, `30%`. A bare number is refused."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNIT_SECONDS = (3600.0, 60.0, 1.0, 0.001)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_DAYS = re.compile(r"(\d+(?:\.\d+)?)d")
_MOST_DAYS = 366


def parse_duration_seconds(text: object) -> float:
    """Return seconds for `30s`, `1m30s`, `250ms`, `2h` or `30d`; ValueError for anything else, also for more than
    366 days."""
    if not isinstance(text, str):
        raise ValueError(f"needs a duration with its unit, such as 30s, 1m30s or 250ms, not {text!r}")  # noqa: TRY004
    seconds = _seconds(text)
    if not seconds <= _MOST_DAYS * 86400:
        raise ValueError(f"cannot be longer than {_MOST_DAYS}d, and is {text[:50]}")
    return seconds


def _seconds(text: str) -> float:
    days = _DAYS.fullmatch(text.strip())
    if days:
        return float(days[1]) * 86400
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"needs a duration with its unit, such as 30s, 1m30s or 250ms, not {text!r}")
    return sum(float(number) * unit for number, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if number)


def parse_ratio(text: object) -> float:
    """Return a share between 0 and 1 for `30%`; ValueError for anything else, also for bare numbers."""
    match = _PERCENT.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"needs a share in percent, such as 30%, not {text!r}")
    ratio = float(Decimal(match[1]) / 100)  # decimal: 99.9% is to be 0.999 to the last bit
    if ratio > 1:
        raise ValueError(f"cannot be more than 100%, and is {text}")
    return ratio


def format_seconds(seconds: float) -> str:
    """Return a duration as people read it: `0.4 ms`, `340 ms`, `4.21 s`, `2 min 05 s`, `1 h 15 min`, `30 days`."""
    if 0.00005 <= abs(seconds) < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 59.995:
        return f"{seconds:.2f} s"
    if abs(seconds) < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if abs(seconds) < 2 * 86400:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min"
    return f"{seconds / 86400:.3g} days"


def format_ratio(ratio: float) -> str:
    """Return a share as people read it: `12.5 %`. Only a whole is `100 %`, and only nothing is `0 %`."""
    percent = f"{ratio * 100:.3g}"
    return f"{ratio * 100:.6g} %" if percent == "100" and ratio < 1 else f"{percent} %"


def duration_text(seconds: float) -> str:
    """Return what `parse_duration_seconds` reads as exactly `seconds`: `90s`, `0.0000001s`."""
    return f"{_plain(Decimal(repr(seconds)))}s"


def ratio_text(ratio: float) -> str:
    """Return what `parse_ratio` reads as exactly `ratio`: `99.9%`."""
    return f"{_plain(Decimal(repr(ratio)) * 100)}%"


def _plain(number: Decimal) -> str:
    """Every digit, no exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_DURATION_SCHEMA = {"type": "string", "pattern": r"^([0-9.]+d|([0-9.]+h)?([0-9.]+m)?([0-9.]+s)?([0-9.]+ms)?)$"}
_RATIO_SCHEMA = {"type": "string", "pattern": r"^[0-9.]+\s*%$"}

Seconds = Annotated[
    float,
    BeforeValidator(parse_duration_seconds),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    Field(gt=0),
    WithJsonSchema(_DURATION_SCHEMA),
]
Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    PlainSerializer(ratio_text, return_type=str, when_used="json"),
    WithJsonSchema(_RATIO_SCHEMA),
]
