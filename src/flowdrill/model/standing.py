"""How a workload stands: everything that a drill must leave as it was, as plain data fit to be kept in a file.

A value is kept as JSON where it may be shown as it is; else as what may be shown of it and a fingerprint of 16 bits:
enough to see that it was changed (but for once in 65,536), and too little to find a secret by trying.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

Facts = Mapping[str, str]  # what a field holds, by its path: spec.template.spec.containers[flow].image
TEMPLATE = "template"  # of a revision: a fingerprint of all of it but the container's image
ORDER = "order"  # PATH[order]: in which order a list has its members
REVISION_LIMIT = "spec.revisionHistoryLimit"
DRILL_REVISIONS = 3  # that a drill adds at most: the broken one, the rollback's, and one that puts data back
_LONGEST = 240  # characters of a value


@dataclass(frozen=True, slots=True)
class StandingObject:
    """An object, without what changes by itself. `managers`: who owns a field, as far as managedFields tell."""

    fields: Facts
    managers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptRevision:
    """A revision that the workload keeps, with what may be changed of it. Numbers may rise: their order counts."""

    name: str  # replicaset/NAME or controllerrevision/NAME
    image: str
    fields: Facts  # TEMPLATE, annotations and labels
    number: int | None = None


@dataclass(frozen=True, slots=True)
class StrayPod:
    """A pod of the workload that is not of its template."""

    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A workload, its revisions and pods, and what else a drill touches."""

    uid: str
    workload: StandingObject
    revisions: tuple[KeptRevision, ...]  # oldest first, as `rollout undo` counts
    current: str | None  # the name of the revision that holds the template
    strays: tuple[StrayPod, ...] = ()
    beside: Mapping[str, StandingObject | None] = field(default_factory=dict)  # by kind/NAME; None: it is not there
    made: tuple[str, ...] = ()  # what bears the run's label
    tags: Mapping[str, str | None] = field(default_factory=dict)  # what they resolve to; None: there is no such tag
    unread: tuple[str, ...] = ()  # what could not be looked at, each with the reason

    @property
    def revision_limit(self) -> int | None:
        """How many old revisions are kept; None where that is not known."""
        text = self.workload.fields.get(REVISION_LIMIT, "")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def lacks_room(self) -> bool:
        """Whether the revisions of a drill push older ones out."""
        old = len(self.revisions) - (1 if self.current is not None else 0)
        return self.revision_limit is not None and old + DRILL_REVISIONS > self.revision_limit

    @property
    def undo_goes_to(self) -> KeptRevision | None:
        """Where `rollout undo` goes that names no revision: the newest one but the current."""
        return next((one for one in reversed(self.revisions) if one.name != self.current), None)


def fact(value: Any, shown: Any) -> str:
    """Return how a value is kept, of which `shown` may be shown: the value itself, or what is left of it once secrets
    are taken out."""
    text, whole = _json(shown), _json(value)
    if text == whole and len(text) <= _LONGEST:
        return text
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"{cut} #{fingerprint(value)}"


def fingerprint(value: Any) -> str:
    """Return four digits that two different values seldom share."""
    return hashlib.sha256(_json(value).encode("utf-8", "backslashreplace")).hexdigest()[:4]


def text_of(fact: str) -> str | None:
    """Return the text that a fact holds whole; None where it holds something else, or not all of it."""
    try:
        value = json.loads(fact)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


_STANDING: TypeAdapter[Standing] = TypeAdapter(Standing)


def standing_to_json(standing: Standing) -> str:
    """Return it as a file keeps it."""
    return json.dumps(asdict(standing), indent=1, sort_keys=True) + "\n"


def standing_from_json(text: str) -> Standing:
    """Return what `standing_to_json` has written; ValueError when the text is none."""
    return _STANDING.validate_json(text)
