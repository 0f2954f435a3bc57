"""A worker's side of bins: takes each record of its requests, and tells at any time what is new as one report.

Holds the requests on their way and what has not been reported: nothing grows with how many there were.
"""

from __future__ import annotations

from collections import Counter

from flowdrill.analysis.outcomes import OutcomeBook
from flowdrill.model.latency_buckets import bucket_of
from flowdrill.model.outcome import Outcome, Reason, Record, RecordKind
from flowdrill.model.outcome_bins import BIN_NS, BINNED_SLOT_NS, Bin, WorkerReport, merged


class Binner:
    """Takes records whose instants are stream time, as they happen."""

    def __init__(self, latency_objective_ns: int) -> None:
        self._book = OutcomeBook(latency_objective_ns)
        self._number = self._sent = 0
        self._bins: dict[tuple[int, int], Bin] = {}
        self._latencies: Counter[tuple[int, int]] = Counter()
        self._left: Counter[int] = Counter()
        self._lags: Counter[int] = Counter()

    def take(self, record: Record) -> None:
        """Count a request that leaves, or what became of one."""
        if record.kind is RecordKind.SENT:
            self._sent += 1
            self._left[record.sent_ns // BINNED_SLOT_NS] += 1
            self._lags[bucket_of(record.sent_ns - record.intended_ns)] += 1
        outcome = self._book.take(record)
        if outcome is not None:
            self._know(outcome)

    def report(self, now_ns: int, due: int) -> WorkerReport:
        """Return what is new, at `now_ns`, when `due` requests should have left. Every record of before was taken."""
        for outcome in self._book.overdue(now_ns):
            self._know(outcome)
        report = WorkerReport(
            number=self._number,
            complete_ns=max(now_ns, 0),
            due=due,
            sent=self._sent,
            in_flight=self._book.in_flight,
            bins=tuple(self._bins.values()),
            latencies=tuple((slot, bucket, count) for (slot, bucket), count in self._latencies.items()),
            left=tuple(self._left.items()),
            lags=tuple(self._lags.items()),
        )
        self._number += 1
        for counted in (self._bins, self._latencies, self._left, self._lags):
            counted.clear()
        return report

    def _know(self, outcome: Outcome) -> None:
        known_ns, sent_ns = outcome.known_ns, outcome.sent_ns
        key = known_ns // BIN_NS, int(outcome.reason)
        one = Bin(*key, outcome.requests, sent_ns, known_ns, sent_ns, known_ns)
        before = self._bins.get(key)
        self._bins[key] = one if before is None else merged(before, one)
        if outcome.http_status is not None or outcome.reason is Reason.TOO_SLOW:
            self._latencies[known_ns // BINNED_SLOT_NS, bucket_of(known_ns - sent_ns)] += 1
