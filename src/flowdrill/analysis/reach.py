"""How far back can this workload be rolled right now? What the cluster, the registry and the ledger say, together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flowdrill.analysis.safety import Judged
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.reach import Aspect, Reach, ReachFinding, ReachRow
from flowdrill.model.status import Status
from flowdrill.model.surroundings import Revision

_SOON = timedelta(days=7)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_BEST_FIRST = (Status.PASS, Status.WARNING, Status.UNKNOWN, Status.FAIL)
_TIERS = {
    Tier.EXISTS: "its manifest is there",
    Tier.COMPLETE: "its manifest and every blob are there",
    Tier.BYTES: "its manifest and every blob are there, and their bytes were read",
}


@dataclass(frozen=True, slots=True)
class SeenImage:
    """What the registry says of one digest."""

    health: ImageHealth
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permission:
    """May whoever rolls back set this image? None: it could not be found out."""

    permitted: bool | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReachFacts:
    """Everything that was found out. Mappings are by digest, as the ledger and the registry name it: what is not in one
    was not looked at."""

    workload: str  # deployment/NAME in namespace NAMESPACE
    now: datetime  # with a time zone
    current: str  # digest of what runs
    current_image: str  # its reference
    revisions: tuple[Revision, ...]
    digests: Mapping[str, str | None]  # of the revisions' images as they are written; None: the tag says nothing now
    ledger: Ledger | None  # None: it could not be read
    images: Mapping[str, SeenImage]
    permissions: Mapping[str, Permission]
    safety: Mapping[str, tuple[Judged, ...]]
    archived_on: Mapping[str, date | None]  # None: the retention rules keep it


def reach_of(facts: ReachFacts) -> Reach:
    """Return one row for every digest that a revision, the ledger or the registry knows, and for every revision's image
    whose digest nobody knows. What runs now comes first; then the revisions, the last one first; then what has no
    revision any more, by when it was verified, or made."""
    kept: dict[str, Revision] = {}
    for revision in sorted(facts.revisions, key=lambda one: (one.current, one.number or 0)):
        kept[_digest(facts, revision) or revision.image] = revision  # the newest of several with one image stays
    verified = () if facts.ledger is None else (one.digest for one in facts.ledger.entries)
    known = dict.fromkeys((facts.current, *kept, *verified, *facts.images))
    rows = (_row(facts, key, kept.get(key)) for key in known)
    return Reach(facts.workload, facts.now.astimezone(UTC).isoformat(timespec="seconds"), tuple(sorted(rows, key=_age)))


def _digest(facts: ReachFacts, revision: Revision) -> str | None:
    """The digest of a revision's image. What runs now is known by the pods, whatever its tag has become."""
    if revision.current:
        return facts.current
    try:
        written = parse_image_reference(revision.image).digest
    except ValueError:
        return None
    return written or facts.digests.get(revision.image)


def _row(facts: ReachFacts, key: str, revision: Revision | None) -> ReachRow:
    digest = None if revision is not None and _digest(facts, revision) is None else key
    image, entry = facts.images.get(key), _newest(facts.ledger, key)
    permission = facts.permissions.get(key, Permission(None, "it was not tried"))
    safe = _safe(facts.safety.get(key, ()))
    differences = revision.differences if revision is not None else ()
    return ReachRow(
        digest=digest,
        reference=_reference(facts, key, revision, entry, image),
        tags=image.tags if image is not None else (),
        created=image.health.created if image is not None else None,
        current=key == facts.current,
        verified=entry,
        health=image.health if image is not None else None,
        revision=revision,
        permitted=permission.permitted,
        differences=differences,
        safe={Status.FAIL: False, Status.UNKNOWN: None}.get(safe.status, True),
        archived_on=_iso(facts.archived_on.get(key)),
        findings=(
            _retained(image.health if image is not None else None, digest),
            _verified(entry, facts.ledger),
            _revision(revision, is_current=key == facts.current),
            _permitted(permission),
            safe,
            _clean_up(facts, key),
        ),
    )


def _newest(ledger: Ledger | None, digest: str) -> LedgerEntry | None:
    entries = () if ledger is None else ledger.entries
    return next((entry for entry in reversed(entries) if entry.digest == digest), None)


def _reference(
    facts: ReachFacts, key: str, revision: Revision | None, entry: LedgerEntry | None, image: SeenImage | None
) -> str:
    if image is not None:
        return str(image.health.reference)
    if key == facts.current:
        return facts.current_image
    written = revision.image if revision is not None else entry.reference if entry is not None else key
    try:
        parsed = parse_image_reference(written)
    except ValueError:
        return written
    return str(parsed) if key == written else str(parsed.at_digest(key))


def _retained(health: ImageHealth | None, digest: str | None) -> ReachFinding:
    if digest is None:
        return _found(Aspect.RETAINED, Status.UNKNOWN, "nobody knows which image its tag was: deploy by digest")
    if health is None:
        return _found(Aspect.RETAINED, Status.UNKNOWN, "it was not looked for in the registry")
    if health.health is Health.RETAINED:
        return _found(Aspect.RETAINED, Status.PASS, _TIERS[health.tier])
    status = Status.UNKNOWN if health.health is Health.UNKNOWN else Status.FAIL
    return _found(Aspect.RETAINED, status, f"{health.health}: {health.problem}" if health.problem else health.health)


def _verified(entry: LedgerEntry | None, ledger: Ledger | None) -> ReachFinding:
    if ledger is None:
        return _found(Aspect.VERIFIED, Status.UNKNOWN, "the ledger could not be read")
    if entry is None:
        return _found(Aspect.VERIFIED, Status.FAIL, f"it is not in the ledger ({ledger.where})")
    return _found(Aspect.VERIFIED, Status.PASS, f"since {entry.verified_at}, by {entry.by}")


def _revision(revision: Revision | None, *, is_current: bool) -> ReachFinding:
    if revision is None and is_current:
        return _found(Aspect.REVISION, Status.PASS, "it runs now")
    if revision is None:
        alone = "no revision has it any more: a rollback sets the image alone"
        return _found(Aspect.REVISION, Status.WARNING, alone)
    number = "" if revision.number is None else f" (revision {revision.number})"
    if revision.differences and not is_current:
        words = f"{revision.name}{number} differs by more than the image: {'; '.join(revision.differences)}"
        return _found(Aspect.REVISION, Status.WARNING, words)
    return _found(Aspect.REVISION, Status.PASS, f"{revision.name}{number}")


def _permitted(permission: Permission) -> ReachFinding:
    status = {True: Status.PASS, False: Status.FAIL, None: Status.UNKNOWN}[permission.permitted]
    return _found(Aspect.PERMITTED, status, permission.reason)


def _safe(judged: tuple[Judged, ...]) -> ReachFinding:
    """The worst of what was said."""
    if not judged:
        return _found(Aspect.SAFE, Status.UNKNOWN, "its vulnerabilities were not looked at")
    worst = max((one.status for one in judged), key=_BEST_FIRST.index)
    return _found(Aspect.SAFE, worst, "; ".join(one.observed for one in judged if one.status is worst))


def _clean_up(facts: ReachFacts, key: str) -> ReachFinding:
    if key not in facts.archived_on:
        return _found(Aspect.CLEAN_UP, Status.WARNING, "nobody knows when the retention rules take it away")
    day, today = facts.archived_on[key], facts.now.astimezone(UTC).date()
    if day is None:
        return _found(Aspect.CLEAN_UP, Status.PASS, "the retention rules keep it")
    if day <= today:
        return _found(Aspect.CLEAN_UP, Status.WARNING, f"the next clean-up may take it away, since {day}")
    status = Status.WARNING if day <= today + _SOON else Status.PASS
    return _found(Aspect.CLEAN_UP, status, f"the retention rules take it away on {day}")


def _found(aspect: Aspect, status: Status, words: str) -> ReachFinding:
    return ReachFinding(aspect, status, words)


def _age(row: ReachRow) -> tuple[bool, float, float, str]:
    """Sorts the newest first."""
    number = row.revision.number if row.revision is not None else None
    times = (row.verified.verified_at if row.verified else None, row.created)
    moment = next(_moments(times), _LONG_AGO)
    return (not row.current, -(number or 0), -(moment - _LONG_AGO).total_seconds(), row.reference)


def _moments(texts: Iterable[str | None]) -> Iterator[datetime]:
    for text in texts:
        try:
            moment = datetime.fromisoformat(text or "")
            yield moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
