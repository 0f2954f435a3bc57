"""From the stream of records to outcomes: which requests were good, which were bad, and since when that is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.model.outcome import Outcome, Reason, Record, RecordKind


class OutcomeBook:
    """Follows requests from SENT to their fate. A request's age counts from `sent_ns`: how late it left against its
    schedule is reported apart. `sequence` must be unique among the records of a run."""

    def __init__(self, latency_objective_ns: int) -> None:
        self._objective_ns = latency_objective_ns
        self._in_flight: dict[int, Record] = {}  # oldest first, as dicts keep their order

    @property
    def in_flight(self) -> int:
        """How many requests have neither come back nor passed the objective."""
        return len(self._in_flight)

    def take(self, record: Record) -> Outcome | None:
        """Open a request (SENT) or close it (FINISHED); return its outcome when this record decided it. An answer to
        a request that was already overdue, or that never left, decides nothing."""
        if record.kind is RecordKind.SENT:
            self._in_flight[record.sequence] = record
            return None
        if self._in_flight.pop(record.sequence, None) is None:
            return None
        if record.finished_ns - record.sent_ns > self._objective_ns:
            return self._too_slow(record)
        return _outcome(record, record.finished_ns, record.reason)

    def overdue(self, now_ns: int) -> list[Outcome]:
        """Return, once each, the requests whose age has passed the objective. O(1) a request over its life."""
        late = []
        for record in self._in_flight.values():
            if now_ns - record.sent_ns <= self._objective_ns:
                break  # those behind it left later; a few microseconds of disorder only delay them to the next call
            late.append(record)
        for record in late:
            del self._in_flight[record.sequence]
        return [self._too_slow(record) for record in late]

    def _too_slow(self, record: Record) -> Outcome:
        return _outcome(record, record.sent_ns + self._objective_ns, Reason.TOO_SLOW)


def _outcome(record: Record, known_ns: int, reason: Reason) -> Outcome:
    status = record.http_status or None
    return Outcome(record.sequence, record.intended_ns, record.sent_ns, known_ns, reason, status)


def requests_of(outcomes: Iterable[Outcome], *, bad: bool = False) -> int:
    """Return how many requests outcomes stand for; with `bad`, of the bad ones alone."""
    return sum(one.requests for one in outcomes if one.bad or not bad)


@dataclass(frozen=True, slots=True)
class KnownOutcomes:
    """What is known of a recorded run's requests: `outcomes` in the order in which they became known."""

    outcomes: tuple[Outcome, ...]
    unanswered: int


def outcomes_of(records: Iterable[Record], latency_objective_ns: int, until_ns: int) -> KnownOutcomes:
    """Return what was known at `until_ns`, by the same rules as live. Live, a request whose answer was still in the
    pipe when it became overdue is too slow; here, where all answers are at hand, it is what it was."""
    book = OutcomeBook(latency_objective_ns)
    taken = [outcome for record in records if (outcome := book.take(record))]
    decided = taken + book.overdue(until_ns)
    known = sorted((o for o in decided if o.known_ns <= until_ns), key=lambda o: (o.known_ns, o.sequence))
    return KnownOutcomes(tuple(known), book.in_flight + len(decided) - len(known))
