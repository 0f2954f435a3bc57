"""One attempt to roll back: what is asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdrill.model.container_fields import Fields
from flowdrill.model.instant import Instant


@dataclass(frozen=True, slots=True)
class RollbackRequest:
    """What the rollback must bring back."""

    run_id: str
    image: str  # the stable image by digest
    digest: str
    fields: Fields  # of the container, as the stable template has them
    change_cause: str | None  # what the stable template had, as an undo would bring it back
    revision: str | None  # replicaset/NAME or controllerrevision/NAME that holds the stable template, where known
    template: Mapping[str, Any]  # the whole pod template from before the drill


@dataclass(frozen=True, slots=True)
class RollbackTaken:
    """What came of an attempt. `instant` is [request sent, answer accepted]; None where only the watch can tell when
    the workload was changed, which then was not before `begun_ns`. `refused` is why it was not taken."""

    how: str  # in words
    begun_ns: int
    instant: Instant | None = None
    refused: str | None = None
    remedy: str = ""
    files: tuple[tuple[str, str, str], ...] = ()  # evidence: (file name, what it shows, text)
    may_have_changed: bool = False  # whether the workload may be changed although it was refused
