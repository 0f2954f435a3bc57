"""The options of `flowdrill manifests`, each understood or refused by its name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.errors import PlanError
from flowdrill.model.calendar_plan import known_zone
from flowdrill.model.cron import Cron, parse_cron
from flowdrill.model.scheduled_set import (
    FIRST_MINOR,
)
from flowdrill.preparing.drill_file import DrillFile

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"[1-9]\d{0,5}(Mi|Gi|Ti)")
_VERSION = re.compile(r"v?1\.(\d{1,3})(\.\d+)?")
_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:]+\])(?::(\d{1,5}))?", re.ASCII)
UTC_ZONE = "Etc/UTC"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says, as text."""

    schedule: str
    namespace: str
    image: str
    kubernetes: str
    storage: str | None
    pushes: bool
    registry: str | None
    others: tuple[str, ...]
    api_servers: tuple[str, ...]
    secret: str
    time_zone: str | None
    approved: tuple[str, ...]


def cron_of(text: str) -> Cron:
    """Return when `--schedule` begins drills; PlanError when it is no schedule."""
    try:
        return parse_cron(text)
    except ValueError as error:
        remedy = "write it as cron does: '0 9 * * 2' is Tuesday at 9"
        raise PlanError(f"--schedule {text[:80]!r}: {error}", remedy) from error


def minor_of(text: str) -> int:
    """Return the minor version of `--kubernetes`; PlanError when it is none that is known."""
    match = _VERSION.fullmatch(text)
    if not match or int(match[1]) < FIRST_MINOR:
        raise PlanError(f"--kubernetes {text[:40]!r}: is no version from 1.{FIRST_MINOR} on", "write it as 1.31")
    return int(match[1])


def matching(text: str, option: str, pattern: re.Pattern[str], what: str, longest: int) -> str:
    """Return the text of an option that must be `what`; PlanError when it is not."""
    if not pattern.fullmatch(text) or len(text) > longest:
        raise PlanError(f"{option} {text[:80]!r}: is not {what}", f"give {what}")
    return text


def image_of(text: str) -> str:
    """Return `--image`; PlanError when it names none."""
    if not text or not text.isascii() or not text.isprintable() or " " in text or len(text) > 500:
        raise PlanError(f"--image {text[:80]!r}: names no image", "write it as docker pull does")
    return text


def storage_of(asked: Asked, plans: Iterable[DrillFile]) -> str | None:
    """Return the size of the claim for reports, None for none; PlanError when no report would be kept, or none that
    the calendar needs."""
    if asked.storage is not None:
        return matching(asked.storage, "--storage", _QUANTITY, "a size such as 2Gi", 20)
    for one in plans:
        if one.drill.calendar is not None and one.drill.calendar.at_most_once_in is not None:
            problem = f"{one.path}: calendar.at_most_once_in: nobody knows of earlier runs where none is kept"
            raise PlanError(problem, "keep reports on a claim, too: --storage 2Gi")
    if not asked.pushes:
        raise PlanError("the reports are kept nowhere", "give --storage 2Gi, --push-report, or both")
    return None


def host_of(text: str, option: str) -> tuple[str, int]:
    """Return a host and its port, 443 where none is named; PlanError when it is none."""
    match = _HOST.fullmatch(text)
    port = int(match[2] or 443) if match else 0
    if not match or not 0 < port < 65536:
        raise PlanError(f"{option} {text[:80]!r}: is no HOST or HOST:PORT", "name it without http:// and path")
    return match[1].strip("[]"), port


def cidr_of(text: str) -> str:
    """Return an `--api-server` as a CIDR; PlanError when it is no address."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        problem = f"--api-server {text[:80]!r}: is no address and no CIDR"
        raise PlanError(problem, "`kubectl get endpoints kubernetes` shows it: 10.0.0.1/32") from error


def _refuse_unknown_zone(name: str) -> None:
    try:
        known_zone(name)
    except ValueError as error:
        raise PlanError(f"--time-zone {name[:80]!r}: is no IANA time zone", "write it as Europe/Berlin") from error


def zone_of(plan: DrillFile, given: str | None) -> str:
    """Return `--time-zone`, else the calendar's, else UTC; PlanError when there is no such zone."""
    calendar = plan.drill.calendar
    if given is not None:
        _refuse_unknown_zone(given)
    return given or (calendar.time_zone if calendar is not None else UTC_ZONE)
