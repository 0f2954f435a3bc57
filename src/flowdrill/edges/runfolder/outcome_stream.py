"""`outcomes.bin` record by record, in a few kilobytes of memory, with what is needed to make outcomes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from flowdrill.edges.runfolder.event_file import EventsRead, merged, read_events
from flowdrill.edges.runfolder.folder import EVENTS, GUARD_EVENTS, OUTCOMES
from flowdrill.edges.runfolder.plan import read_plan
from flowdrill.edges.runfolder.recognising import of_a_run_folder
from flowdrill.errors import RunFolderError
from flowdrill.model.events import ClockPair, RunStarted
from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Record, RecordKind, unpack_records

_NEVER_WRITTEN = bytes(RECORD_BYTES)
_CHUNK_BYTES = 2048 * RECORD_BYTES


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
    guard = folder / GUARD_EVENTS
    try:
        written = read_events(folder / EVENTS)
        by_guard = read_events(guard) if guard.exists() else EventsRead((), torn=False)
    except OSError as error:
        raise RunFolderError(f"{error.filename}: {error.strerror}", "restore the run folder from a copy") from error
    events = merged(written.events, by_guard.events)
    started = next((one for one in events if isinstance(one, RunStarted)), None)
    if started is None:
        raise RunFolderError(f"{folder / EVENTS}: does not hold the run's start", "restore the run folder from a copy")
    if not (folder / OUTCOMES).exists():
        raise RunFolderError(
            f"{folder}: has no {OUTCOMES}: no request was sent in this run", f"`flowdrill report {folder}` says why"
        )
    records = stream_records(folder / OUTCOMES)
    first = list(islice(records, 1))  # a file of another version is told now, not when somebody takes its records
    return OutcomeStream(
        start=started.clock,
        until_ns=max(event.at_ns for event in events),
        latency_objective_ns=seconds_to_ns(drill.load.latency_objective),
        records=chain(first, records),
    )


def stream_records(path: Path) -> Iterator[Record]:
    """Yield what `read_outcomes` returns, with its rules for what a kill or a power cut has left at the end.
    RunFolderError on the way, when the file is of another format or damaged."""
    held: deque[Record] = deque()  # the last two are known to be whole when it is known what follows
    for record in _until_torn(path, held):
        held.append(record)
        if len(held) > 2:
            yield held.popleft()
    if held and not _is_plausible(held[-1]):
        held.pop()
    yield from held


def _until_torn(path: Path, held: deque[Record]) -> Iterator[Record]:
    """Up to the first record of NUL bytes; the one before it may be cut by them, and is taken out of those held."""
    for data in _chunks(path):
        at = _never_written(data)
        try:
            yield from unpack_records(data if at is None else data[:at])
        except ValueError as error:
            raise RunFolderError(f"{path}: is damaged ({error})", "Restore the run folder from a copy.") from error
        if at is not None:
            if held:
                held.pop()
            return


def _is_plausible(record: Record) -> bool:
    """Whether NUL bytes have cut none of its times, as for a file that is read whole."""
    left = 0 < record.intended_ns <= record.sent_ns + NS_PER_SECOND
    return left and (record.kind is RecordKind.SENT or record.finished_ns >= record.sent_ns)


def _never_written(data: bytes) -> int | None:
    """Where the first record of NUL bytes begins."""
    if _NEVER_WRITTEN not in data:
        return None
    return next((n for n in range(0, len(data), RECORD_BYTES) if data[n : n + RECORD_BYTES] == _NEVER_WRITTEN), None)


def _chunks(path: Path) -> Iterator[bytes]:
    """Whole records behind the header."""
    try:
        with path.open("rb") as file:
            header = file.read(len(FILE_HEADER))
            while chunk := file.read(_CHUNK_BYTES):
                if header != FILE_HEADER and (header + chunk).strip(b"\0"):
                    break
                yield chunk[: len(chunk) - len(chunk) % RECORD_BYTES]
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}", "read the run as its owner") from error
    if not FILE_HEADER.startswith(header) and (header + chunk).strip(b"\0"):
        raise RunFolderError(
            f"{path}: is no outcome file of this version (it begins with {header[:20]!r})",
            "Use the flowdrill version that made this run folder.",
        )
