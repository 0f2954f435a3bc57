"""`outcomes.bin` record by record, in a few kilobytes of memory, with what is needed to make outcomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.event_file import EventsRead, merged, read_events
from flowdrill.edges.runfolder.folder import BINS, EVENTS, GUARD_EVENTS, OUTCOMES
from flowdrill.edges.runfolder.outcome_file import read_outcomes
from flowdrill.edges.runfolder.plan import read_plan
from flowdrill.edges.runfolder.recognising import made_by_newer, of_a_run_folder
from flowdrill.errors import RunFolderError
from flowdrill.model.events import ClockPair, RunStarted
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.outcome import Record


@dataclass(frozen=True, slots=True)
class OutcomeStream:
    """`records`: to be taken once, in the order in which they reached the harness. `start`: the run's, on both clocks.
    `until_ns`: when its last event was written."""

    start: ClockPair
    until_ns: int
    latency_objective_ns: int
    records: Iterator[Record]


@of_a_run_folder
def open_outcomes(folder: Path) -> OutcomeStream:
    """Return the records of a run; RunFolderError when the folder is none, or sent no request."""
    drill = read_plan(folder)
    guard, newer = folder / GUARD_EVENTS, made_by_newer(folder) is not None
    try:
        written = read_events(folder / EVENTS, only_known=newer)
        by_guard = read_events(guard, only_known=newer) if guard.exists() else EventsRead((), torn=False)
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}", "restore the run folder from a copy") from error
    events = merged(written.events, by_guard.events)
    started = next((one for one in events if isinstance(one, RunStarted)), None)
    if started is None:
        raise RunFolderError(f"{folder / EVENTS}: does not hold the run's start", "restore the run folder from a copy")
    if (folder / BINS).exists():
        raise RunFolderError(
            f"{folder}: its load was sent by workers, which told of it in bins: there are no single requests",
            f"`flowdrill report {folder}` has what the bins say",
        )
    if not (folder / OUTCOMES).exists():
        raise RunFolderError(
            f"{folder}: has no {OUTCOMES}: no request was sent in this run", f"`flowdrill report {folder}` says why"
        )
    return OutcomeStream(
        start=started.clock,
        until_ns=max(event.at_ns for event in events),
        latency_objective_ns=seconds_to_ns(drill.load.latency_objective),
        records=iter(read_outcomes(folder / OUTCOMES).records),  # they stay in the file until they are taken
    )
