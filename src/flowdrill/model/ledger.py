"""The ledger: which digests are verified stable, since when, and by which run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One verified version. Entries are appended, and never changed: each holds the hash of the one before."""

    number: int  # from 1
    digest: str  # sha256:…
    reference: str  # registry/repository@sha256:…, or with the tag it was verified under
    verified_at: str  # UTC, ISO 8601
    by: str  # a run's id, or who added it by hand
    note: str
    previous: str  # sha256:… of the entry before; of nothing for the first
    hash: str  # sha256:… of this entry without this field


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries, oldest first, as an unbroken chain."""

    where: str  # `configmap/NAME in namespace NAMESPACE`, or the file
    entries: tuple[LedgerEntry, ...] = ()

    def verified(self, digest: str) -> LedgerEntry | None:
        """Return the first entry of a digest, or None."""
        return next((entry for entry in self.entries if entry.digest == digest), None)

    def last_verified_of(self, digest: str) -> LedgerEntry | None:
        """Return the newest entry of a digest, or None."""
        return next((entry for entry in reversed(self.entries) if entry.digest == digest), None)

    def last_verified(self, count: int) -> tuple[LedgerEntry, ...]:
        """Return the newest entry of each of the `count` digests verified last, newest first."""
        newest: dict[str, LedgerEntry] = {}
        for entry in reversed(self.entries):
            newest.setdefault(entry.digest, entry)
        return tuple(newest.values())[:count]
