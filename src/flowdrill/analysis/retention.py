"""The retention rules: when may the clean-up take an image, and which one does it take next?

Versions older than 30 days (`policy.archive_after`) may be archived. What runs now stays, and so do the last three
(`policy.verified_versions`) that were verified stable, however old they are. A version's age counts from when its image
was built; where the image does not say, from when it was first verified.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from flowdrill.model.ledger import Ledger
from flowdrill.model.policy import PolicyPlan


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """An image in the registry, as far as the rules look at it."""

    digest: str
    created: str | None  # UTC, ISO 8601; None: it does not say
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Archival:
    """What the rules say of one image."""

    version: StoredVersion
    on: date | None  # the day (UTC) from which on they let the clean-up take it; None: never, or not known
    due: bool  # that day has come
    because: str

    @property
    def name(self) -> str:
        """Its digest, with its tags where it has some."""
        tags = f" ({', '.join(self.version.tags)})" if self.version.tags else ""
        return f"{self.version.digest}{tags}"


def archived_on(
    version: StoredVersion, ledger: Ledger | None, policy: PolicyPlan, now: datetime, stable: Collection[str]
) -> Archival:
    """Return the day on which the rules let the clean-up take an image. `stable` are the digests of what runs now."""
    if version.digest in stable:
        return Archival(version, None, due=False, because="it runs now")
    last = ledger.last_verified(policy.verified_versions) if ledger is not None else ()
    if any(entry.digest == version.digest for entry in last):
        kept = f"it is one of the last {policy.verified_versions} verified stable"
        return Archival(version, None, due=False, because=kept)
    verified = ledger.verified(version.digest) if ledger is not None else None
    born = _moment(version.created) or _moment(verified.verified_at if verified else None)
    if born is None:
        return Archival(version, None, due=False, because="neither the image nor the ledger says how old it is")
    try:
        ends = born + timedelta(seconds=policy.archive_after)
    except OverflowError:
        return Archival(version, None, due=False, because="it says that it was built on the last day there is")
    days = policy.archive_after / 86400
    return Archival(version, ends.date(), due=ends <= now, because=f"{days:g} days after {born.date().isoformat()}")


def next_cleaned_up(
    versions: Iterable[StoredVersion],
    ledger: Ledger | None,
    policy: PolicyPlan,
    now: datetime,
    stable: Collection[str],
) -> Archival | None:
    """Return which image the next clean-up would take: the one whose day comes first. None when the rules keep
    every one, or do not know the age of the others."""
    judged = [archived_on(version, ledger, policy, now, stable) for version in versions]
    dated = [(one.on, one.version.digest, one) for one in judged if one.on is not None]
    return min(dated, key=lambda one: one[:2])[2] if dated else None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
        return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
