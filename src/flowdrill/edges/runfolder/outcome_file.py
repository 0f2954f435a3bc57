"""`outcomes.bin`: a header, then every record in the order in which it reached the harness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowdrill.errors import RunFolderError
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Record, RecordKind, unpack_records

_NEVER_WRITTEN = bytes(RECORD_BYTES)


@dataclass(frozen=True, slots=True)
class OutcomesRead:
    """The records of a file in its order. `torn`: something that was not whole is left out at its end."""

    records: tuple[Record, ...]
    torn: bool


def read_outcomes(path: Path) -> OutcomesRead:
    """Return what an outcome file holds. What a killed run left unfinished at its end is dropped, and so is what a
    power cut left as NUL bytes, with the record that they may have cut. RunFolderError when the file is missing, of
    another format, or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror})", "Give the folder of a run, as `flowdrill run` printed it."
        ) from error
    if FILE_HEADER.startswith(data) or not data.strip(b"\0"):
        return OutcomesRead((), torn=data != FILE_HEADER)
    if not data.startswith(FILE_HEADER):
        raise RunFolderError(
            f"{path}: is no outcome file of this version (it begins with {data[:20]!r})",
            "Use the flowdrill version that made this run folder.",
        )
    whole, torn = _whole_records(data[len(FILE_HEADER) :])
    try:
        records = unpack_records(whole)
    except ValueError as error:
        raise RunFolderError(f"{path}: is damaged ({error})", "Restore the run folder from a copy.") from error
    if records and not _plausible(records[-1]):
        return OutcomesRead(tuple(records[:-1]), torn=True)
    return OutcomesRead(tuple(records), torn)


def _whole_records(data: bytes) -> tuple[bytes, bool]:
    """The records that were written whole, and whether something else was left out. The last one before a record of
    NUL bytes may be cut by them: it is left out, too."""
    whole = data[: len(data) - len(data) % RECORD_BYTES]
    for at in range(0, len(whole), RECORD_BYTES):
        if whole[at : at + RECORD_BYTES] == _NEVER_WRITTEN:
            return whole[: max(at - RECORD_BYTES, 0)], True
    return whole, len(whole) != len(data)


def _plausible(record: Record) -> bool:
    """Whether NUL bytes have cut none of its times: a request leaves when it is meant to or later, and then comes
    back."""
    left = 0 < record.intended_ns <= record.sent_ns + NS_PER_SECOND
    return left and (record.kind is RecordKind.SENT or record.finished_ns >= record.sent_ns)
