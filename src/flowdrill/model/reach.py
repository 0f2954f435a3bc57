"""How far back a workload can be rolled: one row a version, and the nearest one that everything holds for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flowdrill.model.image_health import ImageHealth
from flowdrill.model.ledger import LedgerEntry
from flowdrill.model.status import Status
from flowdrill.model.surroundings import Revision

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARNING, Status.PASS)


class Aspect(StrEnum):
    """What is asked of a version to roll back to."""

    RETAINED = "retained"
    VERIFIED = "verified"
    REVISION = "revision"  # a pruned one does not stop a rollback by image: it warns
    PERMITTED = "permitted"
    SAFE = "safe"
    CLEAN_UP = "clean-up"  # what the retention rules will do; today it warns at most


@dataclass(frozen=True, slots=True)
class ReachFinding:
    """One answer on one version, in plain words."""

    aspect: Aspect
    status: Status
    words: str


@dataclass(frozen=True, slots=True)
class ReachRow:
    """One version of the workload's image."""

    digest: str | None  # None: a revision's tag, and nobody knows which image it was
    reference: str  # registry/repository@sha256:…; without a digest as the revision has it
    tags: tuple[str, ...]  # that the registry has for it now
    created: str | None  # UTC, ISO 8601
    current: bool  # what the workload runs now
    verified: LedgerEntry | None  # its newest entry
    health: ImageHealth | None  # None: it was not looked at
    revision: Revision | None  # the newest one that holds it; None: none is kept
    permitted: bool | None  # None: not known
    differences: tuple[str, ...]  # what else than the image a rollback to its revision would change
    safe: bool | None  # None: not known
    archived_on: str | None  # the day on which the retention rules take it away; None: never, or not known
    findings: tuple[ReachFinding, ...]  # one for each aspect, in their order

    @property
    def holds(self) -> bool:
        """Whether nothing fails, and nothing that matters is unknown."""
        return not self.obstacles

    @property
    def obstacles(self) -> tuple[ReachFinding, ...]:
        """What keeps it from being rolled back to."""
        return tuple(one for one in self.findings if one.status in (Status.FAIL, Status.UNKNOWN))

    @property
    def warnings(self) -> tuple[ReachFinding, ...]:
        """What somebody should look at first."""
        return tuple(one for one in self.findings if one.status is Status.WARNING)

    @property
    def worst(self) -> Status:
        """The worst that is said of it: what a sign beside it shows."""
        said = {one.status for one in self.findings}
        return next(one for one in _WORST_FIRST if one in said)

    def finding(self, aspect: Aspect) -> ReachFinding:
        """Return the answer on one aspect."""
        return next(one for one in self.findings if one.aspect is aspect)


@dataclass(frozen=True, slots=True)
class Reach:
    """Every version that is known, what runs now first, then the newest before it."""

    workload: str  # deployment/NAME in namespace NAMESPACE
    at: str  # UTC, ISO 8601: reach is a matter of the moment
    rows: tuple[ReachRow, ...]

    @property
    def earlier(self) -> tuple[ReachRow, ...]:
        """The versions that do not run now, the nearest first."""
        return tuple(row for row in self.rows if not row.current)

    @property
    def nearest(self) -> ReachRow | None:
        """The version that the brake reaches; None when there is none."""
        return next((row for row in self.earlier if row.holds), None)

    @property
    def versions_back(self) -> int | None:
        """How many versions back the nearest one is that holds: the brake's length; None when there is none."""
        nearest = self.nearest
        return None if nearest is None else self.earlier.index(nearest) + 1
