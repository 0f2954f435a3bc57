"""The time stamps of Prometheus' and Alertmanager's answers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)")
_LATEST_MS = 253_402_300_800_000  # the year 10000


def stamp_ns(value: object) -> int | None:
    """Return UTC nanoseconds of an RFC 3339 time, or None when it is none, or stands for "never" (the year 1)."""
    match = _STAMP.fullmatch(value) if isinstance(value, str) and len(value) < 50 else None
    if match is None:
        return None
    try:
        at = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00"))
        seconds = round((at - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        return None
    return seconds * 10**9 + int((match[2] or "0").ljust(9, "0")) if seconds > 0 else None


def stamp_ms(value: object) -> int | None:
    """Return UTC milliseconds of a sample's time, which are seconds with a fraction; None when it is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    milliseconds = round(value * 1000)
    return milliseconds if 0 < milliseconds < _LATEST_MS else None
