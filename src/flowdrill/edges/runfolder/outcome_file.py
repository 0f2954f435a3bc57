"""`outcomes.bin`: a header, then every record in the order in which it reached the harness."""

from __future__ import annotations

from pathlib import Path

from flowdrill.errors import RunFolderError
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Record, unpack_records


def read_outcomes(path: Path) -> tuple[Record, ...]:
    """Return the records of an outcome file. What a killed run left unfinished at its end is dropped.
    RunFolderError when the file is missing, of another format, or damaged."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror})", "Give the folder of a run, as `flowdrill run` printed it."
        ) from error
    if FILE_HEADER.startswith(data):
        return ()
    if not data.startswith(FILE_HEADER):
        raise RunFolderError(
            f"{path}: is no outcome file of this version (it begins with {data[:20]!r})",
            "Use the flowdrill version that made this run folder.",
        )
    try:
        return tuple(unpack_records(memoryview(data)[len(FILE_HEADER) : len(data) - len(data) % RECORD_BYTES]))
    except ValueError as error:
        raise RunFolderError(f"{path}: is damaged ({error})", "Restore the run folder from a copy.") from error
