"""Reads a run folder back. What a killed run left is read as far as it goes."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from flowdrill.analysis.provider_log import provider_requests
from flowdrill.edges.runfolder.folder import EVENTS, EVIDENCE, OUTCOMES, PLAN
from flowdrill.edges.runfolder.outcome_file import read_outcomes
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event, event_from_json
from flowdrill.model.provider_log import BASELINE_LOG, OUTAGE_LOG, ProviderLog, ProviderRequest
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario

_NOT_ONE = "name a folder that `flowdrill run` wrote: it holds plan.json and events.jsonl"


def read_run(folder: Path) -> RunRecord:
    """Return what the folder holds; RunFolderError when it is no run folder or is damaged. A last line that was cut
    off in mid-write is dropped."""
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        lines = (folder / EVENTS).read_bytes().split(b"\n")
        records = read_outcomes(folder / OUTCOMES) if (folder / OUTCOMES).exists() else ()
        provider = ProviderLog(*(_provider_requests(folder / EVIDENCE / name) for name in (BASELINE_LOG, OUTAGE_LOG)))
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}", _NOT_ONE) from error
    except ValueError as error:
        raise RunFolderError(f"{folder / PLAN}: {error}", _NOT_ONE) from error
    try:
        drill = Drill.model_validate_json(json.dumps(_plain(plan, "drill")))
        scenario = Scenario.model_validate_json(json.dumps(_plain(plan, "scenario")))
    except ValidationError as error:
        raise RunFolderError(f"{folder / PLAN}: not a plan of this version: {error}", _NOT_ONE) from error
    return RunRecord(drill, scenario, _events(folder / EVENTS, lines), records, provider)


def _provider_requests(path: Path) -> tuple[ProviderRequest, ...] | None:
    return provider_requests(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else None


def _plain(plan: object, key: str) -> object:
    if not isinstance(plan, dict) or key not in plan:
        raise RunFolderError(f"{PLAN}: has no {key!r}", _NOT_ONE)
    return plan[key]


def _events(path: Path, lines: list[bytes]) -> tuple[Event, ...]:
    events: list[Event] = []
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line end was never finished
        try:
            events.append(event_from_json(line))
        except ValueError as error:
            raise RunFolderError(f"{path}:{number}: not an event of this version", _NOT_ONE) from error
    if not events:
        raise RunFolderError(f"{path}: holds no event", _NOT_ONE)
    return tuple(events)
