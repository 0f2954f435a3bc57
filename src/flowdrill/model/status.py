"""How a check or an objective came out."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a check or an objective came out. `unknown` is never a pass; `warning` holds, and somebody should look."""

    PASS = "pass"
    WARNING = "warning"
    FAIL = "fail"
    UNKNOWN = "unknown"
