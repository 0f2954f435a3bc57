"""Reads a run folder back. What a killed run left is read as far as it goes."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from flowdrill.analysis.provider_log import provider_requests
from flowdrill.edges.runfolder.bins_file import read_bins
from flowdrill.edges.runfolder.event_file import EventsRead, merged, read_events
from flowdrill.edges.runfolder.excerpts import read_excerpts, read_samples
from flowdrill.edges.runfolder.folder import BINS, EVENTS, EVIDENCE, GUARD_EVENTS, OUTCOMES, PLAN
from flowdrill.edges.runfolder.outcome_file import OutcomesRead, read_outcomes
from flowdrill.edges.runfolder.recognising import made_by_newer, of_a_run_folder
from flowdrill.edges.runfolder.recorded import read_controls, record_digests
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.provider_log import BASELINE_LOG, OUTAGE_LOG, ProviderLog, ProviderRequest
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario
from flowdrill.regular_file import read_regular

_FROM_A_COPY = "restore it from a copy of the run: a report is made from what was recorded, or not at all"


@of_a_run_folder
def read_run(folder: Path) -> RunRecord:
    """Return what the folder holds; RunFolderError when it is no run folder or is damaged. What was torn at the end of
    a file when the run was cut off is dropped, and the file is named in the record. What the guard wrote after the
    harness had died follows what the harness wrote."""
    drill, scenario = _plan(folder / PLAN)
    newer = made_by_newer(folder) is not None  # then what this version would pass over may matter
    try:
        events = read_events(folder / EVENTS, only_known=newer)
        guard = (
            read_events(folder / GUARD_EVENTS, only_known=newer)
            if (folder / GUARD_EVENTS).exists()
            else EventsRead((), torn=False)
        )
        outcomes = read_outcomes(folder / OUTCOMES) if (folder / OUTCOMES).exists() else OutcomesRead((), torn=False)
        bins = read_bins(folder / BINS) if (folder / BINS).exists() else None
        baseline, outage = (_provider_log(folder / EVIDENCE / name) for name in (BASELINE_LOG, OUTAGE_LOG))
        controls, digests = read_controls(folder), record_digests(folder)
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}", _FROM_A_COPY) from error
    if not events.events:
        raise RunFolderError(
            f"{folder / EVENTS}: holds no whole event: the run was cut off before its first one was kept",
            f"where there is an undo.json in {folder}, see how the workload stands; else nothing was touched",
        )
    torn = {
        EVENTS: events.torn,
        GUARD_EVENTS: guard.torn,
        OUTCOMES: outcomes.torn,
        BINS: bins is not None and bins.torn,
        f"{EVIDENCE}/{BASELINE_LOG}": baseline[1],
        f"{EVIDENCE}/{OUTAGE_LOG}": outage[1],
    }
    return RunRecord(
        drill,
        scenario,
        merged(events.events, guard.events),
        outcomes.records,
        provider=ProviderLog(baseline[0], outage[0]),
        torn=tuple(name for name, is_torn in torn.items() if is_torn),
        changed=tuple(
            (name, read.changed_at)
            for name, read in ((EVENTS, events), (GUARD_EVENTS, guard))
            if read.changed_at is not None
        ),
        excerpts=read_excerpts(folder, events.events),
        sample_lines=read_samples(folder),
        controls=controls,
        frames=None if bins is None else bins.frames,
        digests=digests,
    )


def _plan(path: Path) -> tuple[Drill, Scenario]:
    try:
        plan = json.loads(read_regular(path).decode("utf-8"))
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}", _FROM_A_COPY) from error
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}: is no JSON: it was cut off, or changed ({error})", _FROM_A_COPY) from error
    try:
        drill = Drill.model_validate_json(json.dumps(_plain(path, plan, "drill")))
        scenario = Scenario.model_validate_json(json.dumps(_plain(path, plan, "scenario")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RunFolderError(f"{path}: is no plan of this version: {where}: {first['msg']}", _FROM_A_COPY) from error
    return drill, scenario


def _plain(path: Path, plan: object, key: str) -> object:
    if not isinstance(plan, dict) or key not in plan:
        raise RunFolderError(f"{path}: has no {key!r}", _FROM_A_COPY)
    return plan[key]


def _provider_log(path: Path) -> tuple[tuple[ProviderRequest, ...] | None, bool]:
    """The requests of a log, None where there is none; and whether a line at its end was torn, and is left out."""
    if not path.exists() or path.parent.is_symlink():  # nothing is read that is outside of the folder
        return None, False
    text, line_end, rest = read_regular(path).decode("utf-8", errors="replace").rpartition("\n")
    return provider_requests(text + line_end), bool(rest)
