"""The outcomes of a run one after the other, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowdrill.analysis.outcomes import OutcomeBook
from flowdrill.model.outcome import Outcome, Record


def outcomes_in_turn(records: Iterable[Record], latency_objective_ns: int, until_ns: int) -> Iterator[Outcome]:
    """Yield what was known at `until_ns`: the same outcomes as `outcomes_of`, in the order in which the answers came;
    those that were too slow and never answered are the last. Holds only the requests that are on their way."""
    book = OutcomeBook(latency_objective_ns)
    for record in records:
        outcome = book.take(record)
        if outcome is not None and outcome.known_ns <= until_ns:
            yield outcome
    yield from (late for late in book.overdue(until_ns) if late.known_ns <= until_ns)
