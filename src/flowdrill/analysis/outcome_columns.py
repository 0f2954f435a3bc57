"""What is known of a recorded run's requests, in columns: fourteen bytes a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.record_columns import GREATEST_NS

Times: TypeAlias = NDArray[np.int64]
Ages: TypeAlias = NDArray[np.int64] | NDArray[np.uint32]
Flags: TypeAlias = NDArray[np.bool_]
Reasons: TypeAlias = NDArray[np.uint8]

PART = 1 << 16  # outcomes that are looked at together: what is computed of them stays small beside the columns


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeColumns:
    """Outcomes in the order in which they became known (at the same instant: by sequence), a request at one index of
    all columns. `age_ns` is known - sent, in 32 bits where that is enough; `answered`: there was an HTTP status;
    `requests`: how many it stands for (None: each for itself), see `model.outcome.Outcome`."""

    known_ns: Times
    age_ns: Ages
    reason: Reasons
    answered: Flags
    requests: Times | None = None

    def __len__(self) -> int:
        return len(self.known_ns)

    @property
    def bad(self) -> Flags:
        """Which of them a user of the service would call failed."""
        found: Flags = self.reason != Reason.GOOD
        return found

    @property
    def sent_ns(self) -> Times:
        """When they left; computed anew each time."""
        return self.known_ns - self.age_ns

    def slice(self, first: int, last: int) -> OutcomeColumns:
        """Return those at [first, last); nothing is copied."""
        part = slice(first, last)
        requests = None if self.requests is None else self.requests[part]
        return OutcomeColumns(self.known_ns[part], self.age_ns[part], self.reason[part], self.answered[part], requests)

    def until(self, at_ns: int) -> OutcomeColumns:
        """Return those known at `at_ns` or before."""
        return self.slice(0, self._index(at_ns, after=True))

    def since(self, at_ns: int) -> OutcomeColumns:
        """Return those known at `at_ns` or later."""
        return self.slice(self._index(at_ns, after=False), len(self))

    def parts(self) -> Iterator[OutcomeColumns]:
        """Yield them in their order, PART at a time."""
        for first in range(0, len(self), PART):
            yield self.slice(first, first + PART)

    def total(self) -> int:
        """Return how many requests they are."""
        return len(self) if self.requests is None else int(self.requests.sum())

    def count(self, which: Flags) -> int:
        """Return how many requests some of them are."""
        return int(np.count_nonzero(which) if self.requests is None else self.requests[which].sum())

    def bad_count(self) -> int:
        """Return how many requests are bad."""
        return int(np.count_nonzero(self.reason)) if self.requests is None else self.count(self.bad)

    def reason_counts(self) -> NDArray[np.int64]:
        """Return how many requests there are of each reason, by its value."""
        if self.requests is not None:
            weighted = np.bincount(self.reason, weights=self.requests, minlength=len(Reason))
            return weighted.astype(np.int64)
        return sum(
            (
                np.bincount(self.reason[first : first + PART], minlength=len(Reason))
                for first in range(0, len(self), PART)
            ),
            start=np.zeros(len(Reason), np.int64),
        )

    def _index(self, at_ns: int, *, after: bool) -> int:
        return int(np.searchsorted(self.known_ns, within_64_bits(at_ns), "right" if after else "left"))


@dataclass(frozen=True, slots=True, eq=False)
class KnownColumns:
    """What is known of a recorded run's requests; `unanswered`: of how many the fate is not."""

    outcomes: OutcomeColumns
    unanswered: int


def columns_of(outcomes: Iterable[Outcome]) -> OutcomeColumns:
    """Return the columns of outcomes, which are in the order in which they became known."""
    known = list(outcomes)
    return OutcomeColumns(
        np.array([one.known_ns for one in known], np.int64),
        np.array([one.known_ns - one.sent_ns for one in known], np.int64),
        np.array([one.reason for one in known], np.uint8),
        np.array([one.http_status is not None for one in known], np.bool_),
    )


def outcomes_in(columns: OutcomeColumns) -> Iterator[Outcome]:
    """Yield columns as outcomes: for the few that stand for many."""
    for part in columns.parts():
        requests = np.ones(len(part), np.int64) if part.requests is None else part.requests
        rows = zip(part.known_ns.tolist(), part.sent_ns.tolist(), part.reason.tolist(), requests.tolist(), strict=True)
        for known_ns, sent_ns, reason, standing_for in rows:
            yield Outcome(0, sent_ns, sent_ns, known_ns, Reason(reason), None, standing_for)


def within_64_bits(ns: int) -> np.int64:
    """Return an instant or a time that somebody wrote as one that can be compared with what was recorded: whatever is
    beyond the greatest is as far away as that."""
    return np.int64(max(-GREATEST_NS, min(ns, GREATEST_NS)))
