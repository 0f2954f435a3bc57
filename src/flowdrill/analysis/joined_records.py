"""Which answer belongs to which request, chunk by chunk, by the rules of `OutcomeBook`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.outcome_columns import PART, Flags, Times
from flowdrill.model.outcome import RecordKind
from flowdrill.model.record_columns import RecordChunk

Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class OpenRequests:
    """Requests that have left and are open, in the order in which `OutcomeBook` holds them."""

    sequence: NDArray[np.uint32]
    sent_ns: Times
    answered: Flags

    @classmethod
    def none(cls) -> OpenRequests:
        """Return what is open at the beginning."""
        return cls(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.bool_))

    def or_of(self, chunk: RecordChunk, places: Places) -> OpenRequests:
        """Return those at some places, of which the first are these, and those of a chunk follow."""
        new = places >= len(self.sequence)
        old, at = places[~new], places[new] - len(self.sequence)
        sequence, sent_ns = np.empty(len(places), np.uint32), np.empty(len(places), np.int64)
        answered = np.empty(len(places), np.bool_)
        sequence[new], sequence[~new] = chunk["sequence"][at], self.sequence[old]
        sent_ns[new], sent_ns[~new] = chunk["sent_ns"][at], self.sent_ns[old]
        answered[new], answered[~new] = chunk["http_status"][at] != 0, self.answered[old]
        return OpenRequests(sequence, sent_ns, answered)

    def overdue(self, until_ns: np.int64, objective_ns: np.int64) -> OpenRequests:
        """Return those whose age has passed the objective: as `OutcomeBook` has it, up to the first one that is not."""
        in_time = until_ns - self.sent_ns <= objective_ns
        end = int(in_time.argmax()) if in_time.any() else None
        return OpenRequests(self.sequence[:end], self.sent_ns[:end], self.answered[:end])


def joined(open_: OpenRequests, chunk: RecordChunk) -> tuple[Flags, OpenRequests]:
    """Return which records of a chunk decide an outcome (the answers to open requests), and the requests that are open
    after it, in the order in which `OutcomeBook` holds them: each where its sequence was opened, as sent last."""
    before = len(open_.sequence)
    sequence = np.concatenate((open_.sequence, chunk["sequence"])).astype(np.int64)
    leaves = np.concatenate((np.ones(before, np.bool_), chunk["kind"] == RecordKind.SENT))
    found = _each_once(sequence, leaves)
    decides, places = _one_by_one(sequence, leaves) if found is None else found
    return decides[before:], open_.or_of(chunk, places)


def _each_once(sequence: Times, leaves: Flags) -> tuple[Flags, Places] | None:
    """Return which records decide an outcome, and where the open requests are, when no sequence leaves or comes back
    twice and all lie close together, as Locust numbers them. None else."""
    first = int(sequence.min(initial=2**32))
    width = int(sequence.max(initial=first)) - first + 1
    if width > 4 * len(sequence) + PART:
        return None
    leaves_at, comes_at = np.flatnonzero(leaves), np.flatnonzero(~leaves)
    left, came = sequence[leaves_at] - first, sequence[comes_at] - first
    left_at, came_at = np.full(width, len(sequence)), np.full(width, -1)
    left_at[left], came_at[came] = leaves_at, comes_at
    if np.count_nonzero(left_at < len(sequence)) < len(left) or np.count_nonzero(came_at >= 0) < len(came):
        return None
    decides = np.zeros(len(sequence), np.bool_)
    decides[comes_at] = left_at[came] < comes_at
    return decides, leaves_at[came_at[left] < leaves_at]


def _one_by_one(sequence: Times, leaves: Flags) -> tuple[Flags, Places]:
    """Return the same of any records."""
    # by sequence, then by place, then whether it leaves: what precedes an answer in this order is what it answers
    key = sequence << 31 | np.arange(len(sequence)) << 1 | leaves
    key.sort()
    leaves = (key & 1).astype(np.bool_)
    place = (key & (2**31 - 1)) >> 1
    follows_own = np.zeros(len(key), np.bool_)
    follows_own[1:] = key[1:] >> 31 == key[:-1] >> 31
    was_open = follows_own.copy()
    was_open[1:] &= leaves[:-1]
    decides = np.zeros(len(key), np.bool_)
    decides[place[~leaves & was_open]] = True
    stays_open = leaves.copy()
    stays_open[:-1] &= ~follows_own[1:]
    opened_at = np.maximum.accumulate(np.where(leaves & ~was_open, np.arange(len(key)), 0))
    order = np.argsort(place[opened_at[stays_open]])
    return decides, place[stays_open][order]
