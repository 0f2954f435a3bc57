"""`outcomes.bin`: a header, then every record in the order in which it reached the harness."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from flowdrill.errors import RunFolderError
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Reason, Record, RecordKind, unpack_records
from flowdrill.model.record_columns import CHUNK_RECORDS, GREATEST_NS, RECORD_DTYPE, RecordChunk, StoredRecords
from flowdrill.regular_file import open_regular

_COPY = "Restore the run folder from a copy."


@dataclass(frozen=True, slots=True)
class OutcomesRead:
    """The records of a file in its order. `torn`: something that was not whole is left out at its end."""

    records: Sequence[Record]
    torn: bool


class FileRecords(StoredRecords):
    """The first `count` records of an outcome file. They are read anew each time that somebody goes through them: those
    of a long run are more than should be in memory."""

    def __init__(self, path: Path, count: int) -> None:
        """Nothing is read before somebody asks."""
        self._path, self._count = path, count

    def __len__(self) -> int:
        return self._count

    def chunk(self, start: int, count: int) -> RecordChunk:
        """Return some of them; RunFolderError when the file has become another one meanwhile."""
        try:
            with open_regular(self._path, buffering=0) as file:
                file.seek(len(FILE_HEADER) + start * RECORD_BYTES)
                found = np.fromfile(file, RECORD_DTYPE, count)
        except OSError as error:
            raise RunFolderError(f"{self._path}: cannot be read ({error.strerror})", _COPY) from error
        if len(found) < count:
            raise RunFolderError(f"{self._path}: became shorter while it was read", _COPY)
        return found


def read_outcomes(path: Path) -> OutcomesRead:
    """Return what an outcome file holds. What a killed run left unfinished at its end is dropped, and so is what a
    power cut left as NUL bytes, with the record that they may have cut. RunFolderError when the file is missing, of
    another format, or damaged."""
    try:
        with open_regular(path, buffering=0) as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(len(FILE_HEADER))
            nothing = head != FILE_HEADER and (FILE_HEADER.startswith(head) or _is_nothing(head, file))
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror})", "Give the folder of a run, as `flowdrill run` printed it."
        ) from error
    if nothing:
        return OutcomesRead((), torn=True)
    if head != FILE_HEADER:
        raise RunFolderError(
            f"{path}: is no outcome file of this version (it begins with {head[:20]!r})",
            "Use the flowdrill version that made this run folder.",
        )
    count, rest = divmod(size - len(FILE_HEADER), RECORD_BYTES)
    whole = _written(path, FileRecords(path, count))
    torn = rest > 0 or len(whole) < count
    if len(whole) and not _plausible(whole[-1]):
        return OutcomesRead(FileRecords(path, len(whole) - 1), torn=True)
    return OutcomesRead(whole, torn)


def _is_nothing(head: bytes, rest: BinaryIO) -> bool:
    """Whether a power cut has left nothing but NUL bytes."""
    while head and not head.strip(b"\0"):
        head = rest.read(CHUNK_RECORDS * RECORD_BYTES)
    return not head


def _written(path: Path, records: FileRecords) -> FileRecords:
    """Those that were written whole. The last one before a record of NUL bytes may be cut by them: it is left out,
    too."""
    wrong = _first(records, _is_no_record)
    if wrong is None:
        return records
    never_written = _first(records, _is_never_written)
    count = len(records) if never_written is None else max(never_written - 1, 0)
    may_be_cut = wrong == count - 1 and not _has_no_meaning(records.chunk(wrong, 1)).any()
    if wrong < count and not may_be_cut:  # the last one's times may be: whoever reads on looks at them
        raise RunFolderError(f"{path}: is damaged ({_why_no_record(records.chunk(wrong, 1))})", _COPY)
    return records if never_written is None else FileRecords(path, count)


def _first(records: FileRecords, is_it: Callable[[RecordChunk], NDArray[np.bool_]]) -> int | None:
    """The index of the first record that is what `is_it` looks for."""
    start = 0
    for chunk in records.chunks():
        found = is_it(chunk)
        if found.any():
            return start + int(found.argmax())
        start += len(chunk)
    return None


def _is_no_record(chunk: RecordChunk) -> NDArray[np.bool_]:
    """Those that have no meaning, and answers that came before their request had left."""
    times = _words(chunk)[:, 1:]
    too_early = (chunk["kind"] == RecordKind.FINISHED) & (times[:, 2] < times[:, 1])
    found: NDArray[np.bool_] = _has_no_meaning(chunk) | too_early
    return found


def _has_no_meaning(chunk: RecordChunk) -> NDArray[np.bool_]:
    """Those of no known kind or reason, or with a time that no clock shows; those that are NUL bytes among them."""
    kind, times = chunk["kind"], _words(chunk)[:, 1:]
    unknown = (kind != RecordKind.SENT) & (kind != RecordKind.FINISHED) | (chunk["reason"] > max(Reason))
    found: NDArray[np.bool_] = unknown | ((times[:, 0] | times[:, 1] | times[:, 2]) > GREATEST_NS)
    return found


def _is_never_written(chunk: RecordChunk) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = ~np.any(_words(chunk), axis=1)
    return found


def _words(chunk: RecordChunk) -> NDArray[np.uint64]:
    """Records of 64 bits; the first has all but the times."""
    return chunk.view(np.uint64).reshape(len(chunk), -1)


def _why_no_record(record: RecordChunk) -> str:
    try:
        (whole,) = unpack_records(record.tobytes())
    except ValueError as error:
        return str(error)
    if max(whole.intended_ns, whole.sent_ns, whole.finished_ns) > GREATEST_NS:
        return f"request {whole.sequence} has a time that no clock shows"
    return f"request {whole.sequence} was answered before it had left"


def _plausible(record: Record) -> bool:
    """Whether NUL bytes have cut none of its times: a request leaves when it is meant to or later, and then comes
    back."""
    left = 0 < record.intended_ns <= record.sent_ns + NS_PER_SECOND
    return left and (record.kind is RecordKind.SENT or record.finished_ns >= record.sent_ns)
