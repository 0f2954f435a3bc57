"""What the tables of preflight call things, in every format."""

from __future__ import annotations

from flowdrill.model.image_health import Health
from flowdrill.model.readiness import AccessRow
from flowdrill.model.status import Status

ACCESS_WORDS = {True: "yes", False: "no", None: "not known"}
_UNITS = ("B", "kB", "MB", "GB", "TB")


def access_status(row: AccessRow) -> Status:
    """Return whether the answer is the wanted one."""
    if row.allowed is None:
        return Status.UNKNOWN
    must = row.wanted and not row.optional
    return Status.PASS if row.allowed == row.wanted else (Status.FAIL if must else Status.WARNING)


def health_status(health: Health) -> Status:
    """Return whether the image could be pulled."""
    return {Health.RETAINED: Status.PASS, Health.UNKNOWN: Status.UNKNOWN}.get(health, Status.FAIL)


def format_bytes(size_bytes: int | None) -> str:
    """Return a size as people read it, in decimal units: `12.4 MB`; a dash for None."""
    if size_bytes is None:
        return "–"
    size, unit = float(size_bytes), _UNITS[0]
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"


def short_digest(digest: str) -> str:
    """Return a digest as tables have room for: its first twelve digits."""
    algorithm, colon, hexadecimal = digest.partition(":")
    return f"{algorithm}:{hexadecimal[:12]}" if colon else digest[:12]


def day_of(instant: str | None) -> str:
    """Return the day of an ISO 8601 time; a dash for None."""
    return "–" if instant is None else instant.partition("T")[0]
