"""An obstacle of a drill: what it may know of the drill, and what was found out about it before it is put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowdrill.model.status import Status


@dataclass(frozen=True, slots=True)
class ObstacleScene:
    """The drill that an obstacle is part of."""

    run_id: str
    stable: str  # by digest
    written: str  # the stable image as the workload has it before the drill
    broken: str  # as the workload's template will have it
    revision: str | None  # replicaset/NAME or controllerrevision/NAME that holds the stable template, where known


@dataclass(frozen=True, slots=True)
class ObstacleLook:
    """Whether an obstacle can be put and will bite. FAIL: it cannot be put. `by_hand`: shell commands that take it away
    again, each harmless when it is not there. `memory`: what another process needs to do so, as JSON has it."""

    status: Status
    observed: str
    detail: str = ""
    by_hand: tuple[str, ...] = ()
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObstacleUndo:
    """How an obstacle is taken away: without flowdrill, and by another process of it."""

    obstacle: str
    by_hand: tuple[str, ...]
    memory: Mapping[str, Any] = field(default_factory=dict)
