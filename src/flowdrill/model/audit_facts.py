"""What is known of a run's people, clock and predecessor when it begins: in an event, so that reports can be made
from the run folder alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClaimedName:
    """A name, and where it comes from. Nobody has proven it."""

    name: str
    source: str  # in words: `--ran-by`, `$GITHUB_ACTOR`, `this host's user account`


@dataclass(frozen=True, slots=True)
class ClockDiscipline:
    """What this host's kernel says of its UTC clock (adjtimex)."""

    synchronised: bool  # whether something keeps it in step: an NTP client, as it told the kernel
    offset_seconds: float  # that is still being corrected
    max_error_seconds: float


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """An earlier run of the same drill, as its folder says."""

    run_id: str
    found: str  # in words: how flowdrill came to it
    verdict: str | None  # None: its folder holds no result
    finished: str | None  # UTC, ISO 8601
    plan_digest: str | None
    digest: str | None  # sha256:… of the file `digest_of`; None: its folder has neither
    digest_of: str | None  # the attestation, or SHA256SUMS where it was not signed


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """All of that; None where it is not known."""

    ran_by: ClaimedName | None = None
    approved_by: ClaimedName | None = None
    previous: EarlierRun | None = None
    clock: ClockDiscipline | None = None
