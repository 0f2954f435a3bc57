"""From a file of records to outcomes, by the rules of `OutcomeBook`, in two passes that hold little of it at a time.

The first joins each answer to the request that was open (`analysis.joined_records`): what is still open after a chunk
is carried into the next. It keeps a bit a record, whether it decided an outcome, and the requests that never came back.
The second puts outcomes in the order in which they became known. Answers come nearly in that order, so what has been
read can be let go as soon as nothing that follows was known earlier, which the first pass has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.joined_records import OpenRequests, Places, joined
from flowdrill.analysis.outcome_columns import Ages, Flags, KnownColumns, OutcomeColumns, Times, within_64_bits
from flowdrill.model.outcome import Reason, Record
from flowdrill.model.record_columns import GREATEST_NS, RECORD_DTYPE, RecordChunk, record_chunks

_FITS_32_BITS_NS = 2**32 - 1


def known_columns(records: Sequence[Record], latency_objective_ns: int, until_ns: int) -> KnownColumns:
    """Return what was known at `until_ns`: what `analysis.outcomes.outcomes_of` says of the same records."""
    found = RecordedOutcomes(records, latency_objective_ns, until_ns)
    columns, size = found.empty_columns(), 0
    for part in found:
        end = size + len(part)
        columns.known_ns[size:end] = part.known_ns
        columns.age_ns[size:end] = part.age_ns
        columns.reason[size:end] = part.reason
        columns.answered[size:end] = part.answered
        size = end
    return KnownColumns(columns.slice(0, size), found.unanswered_of(size))


class RecordedOutcomes:
    """The outcomes that were known at `until_ns`, in parts, in the order in which they became known. Going through them
    reads the records again."""

    def __init__(self, records: Sequence[Record], latency_objective_ns: int, until_ns: int) -> None:
        """Make the first pass."""
        self._records = records
        self._objective_ns = within_64_bits(latency_objective_ns)
        self._until_ns = within_64_bits(until_ns)
        self._decided: list[_Decided] = []
        open_ = OpenRequests.none()
        for chunk in record_chunks(records):
            decides, open_ = joined(open_, chunk)
            self._decided.append(_Decided.of(chunk, decides, self._objective_ns))
        overdue = open_.overdue(self._until_ns, self._objective_ns)
        self._late = _Rows.too_slow(overdue, self._objective_ns)
        self._still_open = len(open_.sequence) - len(overdue.sequence)

    def unanswered_of(self, known: int) -> int:
        """Return of how many requests the fate is not known, when it is of `known`."""
        return self._still_open + self._most - known

    def empty_columns(self) -> OutcomeColumns:
        """Return columns that have room for all of them."""
        seen = [one for one in self._decided if one.count]
        narrow = all(one.least_age_ns >= 0 and one.greatest_age_ns <= _FITS_32_BITS_NS for one in seen)
        fits = narrow and (not len(self._late.known_ns) or self._objective_ns <= _FITS_32_BITS_NS)
        ages: Ages = np.empty(self._most, np.uint32) if fits else np.empty(self._most, np.int64)
        return OutcomeColumns(
            np.empty(self._most, np.int64), ages, np.empty(self._most, np.uint8), np.empty(self._most, np.bool_)
        )

    @property
    def _most(self) -> int:
        return sum(one.count for one in self._decided) + len(self._late.known_ns)

    def __iter__(self) -> Iterator[OutcomeColumns]:
        waiting, late = _Rows.of(np.empty(0, RECORD_DTYPE), np.empty(0, np.int64), self._objective_ns), self._late
        nothing_before = self._nothing_before()
        for index, chunk in enumerate(record_chunks(self._records)):
            rows = _Rows.of(chunk, self._decided[index].places, self._objective_ns)
            waiting = waiting.and_then(rows).in_order()
            ready, waiting = waiting.split_at(nothing_before[index + 1])
            due, late = late.split_at(nothing_before[index + 1])
            yield self._known(ready.and_then(due).in_order() if len(due.known_ns) else ready)
        yield self._known(late)

    def _nothing_before(self) -> Times:
        """For each chunk, and the end: nothing that it or a later one decides was known before."""
        least = [one.least_known_ns for one in self._decided] + [GREATEST_NS * 2]
        return np.minimum.accumulate(np.array(least, np.int64)[::-1])[::-1]

    def _known(self, rows: _Rows) -> OutcomeColumns:
        columns = OutcomeColumns(rows.known_ns, rows.known_ns - rows.sent_ns, rows.reason, rows.answered)
        return columns.until(int(self._until_ns))


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """What a chunk has decided: a bit a record, and between which bounds its outcomes lie."""

    bits: NDArray[np.uint8]
    records: int
    count: int
    least_known_ns: int
    least_age_ns: int
    greatest_age_ns: int

    @classmethod
    def of(cls, chunk: RecordChunk, decides: Flags, objective_ns: np.int64) -> _Decided:
        bits, at = np.packbits(decides), np.flatnonzero(decides)
        if not len(at):
            return cls(bits, len(decides), 0, GREATEST_NS * 2, 0, 0)
        sent_ns, finished_ns = chunk["sent_ns"][at], chunk["finished_ns"][at]
        least_known_ns = min(int(finished_ns.min()), int(sent_ns.min()) + int(objective_ns))
        age_ns = np.minimum(finished_ns - sent_ns, objective_ns)
        return cls(bits, len(decides), len(at), least_known_ns, int(age_ns.min()), int(age_ns.max()))

    @property
    def places(self) -> Places:
        """Which records of the chunk decide an outcome."""
        return np.flatnonzero(np.unpackbits(self.bits, count=self.records).view(np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Outcomes that wait for their place in the order."""

    known_ns: Times
    sent_ns: Times
    sequence: NDArray[np.uint32]
    reason: NDArray[np.uint8]
    answered: Flags

    @classmethod
    def of(cls, chunk: RecordChunk, places: Places, objective_ns: np.int64) -> _Rows:
        """Answers: good or bad as they say, or too slow."""
        sent_ns, finished_ns = chunk["sent_ns"][places], chunk["finished_ns"][places]
        due_ns, reason = sent_ns + objective_ns, chunk["reason"][places]
        reason[finished_ns > due_ns] = Reason.TOO_SLOW
        answered = chunk["http_status"][places] != 0
        return cls(np.minimum(finished_ns, due_ns), sent_ns, chunk["sequence"][places], reason, answered)

    @classmethod
    def too_slow(cls, requests: OpenRequests, objective_ns: np.int64) -> _Rows:
        """Those whose answer never came."""
        sent_ns, reason = requests.sent_ns, np.full(len(requests.sent_ns), Reason.TOO_SLOW, np.uint8)
        return cls(sent_ns + objective_ns, sent_ns, requests.sequence, reason, requests.answered).in_order()

    def split_at(self, at_ns: np.int64) -> tuple[_Rows, _Rows]:
        """Those known before an instant, and the others; they are in order."""
        first = int(np.searchsorted(self.known_ns, at_ns))
        return self._part(slice(0, first)), self._part(slice(first, None))

    def _part(self, part: slice) -> _Rows:
        return _Rows(
            self.known_ns[part], self.sent_ns[part], self.sequence[part], self.reason[part], self.answered[part]
        )

    def and_then(self, rows: _Rows) -> _Rows:
        return _Rows(
            np.concatenate((self.known_ns, rows.known_ns)),
            np.concatenate((self.sent_ns, rows.sent_ns)),
            np.concatenate((self.sequence, rows.sequence)),
            np.concatenate((self.reason, rows.reason)),
            np.concatenate((self.answered, rows.answered)),
        )

    def in_order(self) -> _Rows:
        """By when they became known, then by sequence; else as they are."""
        order = np.argsort(self.known_ns, kind="stable")
        known_ns = self.known_ns[order]
        if (known_ns[1:] == known_ns[:-1]).any():
            order = np.lexsort((self.sequence, self.known_ns))
        return _Rows(known_ns, self.sent_ns[order], self.sequence[order], self.reason[order], self.answered[order])
