"""Records in columns: many at a time, for what is computed after a run. The live path needs none of this."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from flowdrill.model.outcome import Record, unpack_records

# the layout of `model.outcome`; times are signed here, since a time beyond GREATEST_NS is no record
RECORD_DTYPE = np.dtype(
    [
        ("kind", "u1"),
        ("reason", "u1"),
        ("http_status", "<u2"),
        ("sequence", "<u4"),
        ("intended_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("finished_ns", "<i8"),
    ]
)
GREATEST_NS = 2**62 - 1  # 146 years: two of them can be added in 64 bits
_OBJECTS = 1 << 11  # at a time, where somebody wants objects: they take ten times as much
CHUNK_RECORDS = 1 << 16  # 2 MB: what is computed of a chunk stays in the processor's cache

RecordChunk: TypeAlias = NDArray[np.void]  # of RECORD_DTYPE


class StoredRecords(Sequence[Record]):
    """Records that lie somewhere else than in memory. They can be gone through as objects, like any sequence, and as
    chunks of columns, which is a hundred times as fast."""

    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def chunk(self, start: int, count: int) -> RecordChunk:
        """Return `count` records from the index `start` on; all of them must be there."""

    def chunks(self) -> Iterator[RecordChunk]:
        """Yield all records in their order, at most CHUNK_RECORDS at a time."""
        for start in range(0, len(self), CHUNK_RECORDS):
            yield self.chunk(start, min(CHUNK_RECORDS, len(self) - start))

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks():
            for first in range(0, len(chunk), _OBJECTS):
                yield from unpack_records(chunk[first : first + _OBJECTS].tobytes())

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...
    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        return unpack_records(self.chunk(range(len(self))[index], 1).tobytes())[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))


def record_chunks(records: Sequence[Record]) -> Iterator[RecordChunk]:
    """Yield records in their order as chunks of columns, wherever they lie."""
    if isinstance(records, StoredRecords):
        yield from records.chunks()
        return
    for start in range(0, len(records), CHUNK_RECORDS):
        packed = b"".join(record.pack() for record in records[start : start + CHUNK_RECORDS])
        yield np.frombuffer(packed, RECORD_DTYPE)
