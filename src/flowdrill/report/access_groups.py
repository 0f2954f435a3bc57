"""Permissions as people read them: one row for what somebody may do with one kind of object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.model.readiness import AccessRow
from flowdrill.model.status import Status
from flowdrill.report.readiness_words import access_status

_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARNING, Status.PASS)


@dataclass(frozen=True, slots=True)
class AccessGroup:
    """The verbs of one identity on one resource in one place, each with its answer."""

    who: str
    resource: str
    name: str
    where: str
    rows: tuple[AccessRow, ...]

    @property
    def status(self) -> Status:
        """The worst of its answers."""
        return min((access_status(row) for row in self.rows), key=_WORST_FIRST.index)

    @property
    def granted_by(self) -> tuple[str, ...]:
        """By what they are allowed, or why that is not known; each once."""
        return tuple(dict.fromkeys(row.granted_by for row in self.rows if row.granted_by))

    @property
    def needed_for(self) -> tuple[str, ...]:
        """What they are needed for; each once."""
        return tuple(dict.fromkeys(row.needed_for for row in self.rows if row.needed_for))


def access_groups(rows: Iterable[AccessRow]) -> tuple[AccessGroup, ...]:
    """Return the rows in groups, those with an answer that is not as wanted first, else in their order."""
    groups: dict[tuple[str, str, str, str], list[AccessRow]] = {}
    for row in rows:
        groups.setdefault((row.who, row.resource, row.name, row.where), []).append(row)
    made = [AccessGroup(*key, rows=tuple(of_key)) for key, of_key in groups.items()]
    return tuple(sorted(made, key=lambda group: group.status is Status.PASS))
