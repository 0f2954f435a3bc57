"""Reads back what of a run whoever puts things back must know: its plan, and how it ended."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.folder import EVENTS, GUARD_EVENTS, PLAN
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event, GuardEnded, RunEnded, event_from_json
from flowdrill.regular_file import open_regular, read_regular

_TAIL_BYTES = 1 << 20  # the last event of a run is in it


def read_plan(folder: Path) -> Drill:
    """Return the drill of a run folder; RunFolderError when it is not there or is damaged."""
    try:
        plan = json.loads(read_regular(folder / PLAN).decode("utf-8"))
        return Drill.model_validate_json(json.dumps(plan["drill"]))
    except OSError as error:
        raise RunFolderError(f"{folder / PLAN}: {error.strerror}", "name the folder of a run") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise RunFolderError(f"{folder / PLAN}: is not the plan of a run of this version", "name another") from error


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: by its own word, or by that of whoever has put things back in its place."""

    restored: bool
    says: str


def how_it_ended(folder: Path) -> RunEnd | None:
    """Return the last word about it, None when nobody has had one."""
    last = _last_event(folder / GUARD_EVENTS)
    if isinstance(last, GuardEnded):
        return RunEnd(last.restored, last.says)
    last = _last_event(folder / EVENTS)
    if isinstance(last, RunEnded):
        left = "; ".join(last.left_behind)
        return RunEnd(not last.left_behind, f"left behind: {left}" if left else last.why)
    return None


def _last_event(path: Path) -> Event | None:
    try:
        with open_regular(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().split(b"\n")
        return event_from_json(lines[-2])
    except (OSError, ValueError, IndexError):
        return None
