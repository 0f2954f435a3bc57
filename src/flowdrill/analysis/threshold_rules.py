"""Threshold rules, evaluated on a drill's own outcomes, as a monitoring system would evaluate them.

A rule is evaluated at its start and every `every` from then on. When its condition holds in all of its windows it is
pending; it fires at the first evaluation at least `for` later at which the condition held all along, as Prometheus has
it. A window without traffic has no value, and what has no value does not hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowdrill.analysis.counters import Before, Counter, EveryOutcome, Scraped
from flowdrill.analysis.detector import PIPE_GRACE_NS, Alarm
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.rule import LatencyPercentile, ThresholdRule


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule is evaluated first, and one instant at which the counters are scraped."""

    start_ns: int
    scrape_at_ns: int


class ThresholdDetector:
    """Raises an alarm when its rule begins to fire: once, or with `again` each time that it does. Feed it with `take`,
    let time pass with `advance`; outcomes known at or before the end of `before` are not counted.

    The alarm's `statistic` is the share of requests that were bad, or slower than a percentile's limit, in the first
    window; its `threshold` the share that the rule tolerates; its `slot_end_ns` the evaluation's instant.
    """

    def __init__(self, rule: ThresholdRule, schedule: Schedule, before: Before, *, again: bool = False) -> None:
        self._rule = rule
        self._windows_ns = tuple(seconds_to_ns(window) for window in rule.windows_seconds)
        self._tolerated = rule.measure.tolerated_ratio
        self._for_ns = seconds_to_ns(rule.for_seconds)
        self._every_ns = seconds_to_ns(rule.every_seconds)
        self._next_ns = schedule.start_ns
        self._counted_from_ns = before.until_ns
        self._counter = _counter(rule, self._windows_ns, schedule, before)
        self._waiting: list[tuple[int, bool, int]] = []  # taken, and not counted yet: a heap, oldest first
        self._counted_ns = before.until_ns
        self._newest_outcome_ns = before.until_ns
        self._pending_since_ns: int | None = None
        self._again = again
        self._alarmed = False
        self.firing = False

    def take(self, outcome: Outcome) -> None:
        """Count an outcome: at its time, or at once when that has passed."""
        if outcome.known_ns > self._counted_from_ns:
            known_ns = max(outcome.known_ns, self._counted_ns + 1)
            heapq.heappush(self._waiting, (known_ns, breaches(self._rule, outcome), outcome.requests))

    def advance(self, now_ns: int) -> Alarm | None:
        """Make every evaluation that was due `PIPE_GRACE_NS` ago or earlier; return the alarm of the first one at which
        the rule began to fire, None else."""
        while self._next_ns <= now_ns - PIPE_GRACE_NS:
            at_ns, self._next_ns = self._next_ns, self._next_ns + self._every_ns
            alarm = self._evaluate(at_ns)
            if alarm is not None and (self._again or not self._alarmed):
                self._alarmed = True
                return alarm
        return None

    def _evaluate(self, at_ns: int) -> Alarm | None:
        """Return an alarm when the rule begins to fire at this evaluation."""
        while self._waiting and self._waiting[0][0] <= at_ns:
            known_ns, bad, requests = heapq.heappop(self._waiting)
            self._counter.count(known_ns, bad=bad, requests=requests)
            self._newest_outcome_ns = known_ns
        self._counted_ns = max(self._counted_ns, at_ns)
        ratios = [self._counter.bad_ratio(at_ns, window) for window in self._windows_ns]
        if not all(ratio is not None and ratio > self._tolerated for ratio in ratios):
            self._pending_since_ns, self.firing = None, False
            return None
        if self._pending_since_ns is None:
            self._pending_since_ns = at_ns
        if self.firing or at_ns - self._pending_since_ns < self._for_ns:
            return None
        self.firing = True
        return Alarm(self._newest_outcome_ns, ratios[0] or 0.0, self._tolerated, at_ns)


def breaches(rule: ThresholdRule, outcome: Outcome) -> bool:
    """Return whether the rule counts an outcome as one that should not be: bad, or slower than the limit. What has
    passed the latency objective is slower than every limit that a rule may have (`model.rule.unseen_because`)."""
    if not isinstance(rule.measure, LatencyPercentile):
        return outcome.bad
    slow_ns = seconds_to_ns(rule.measure.limit_seconds)
    return outcome.reason is Reason.TOO_SLOW or outcome.known_ns - outcome.sent_ns > slow_ns


def before_of(rule: ThresholdRule, outcomes: Iterable[Outcome], from_ns: int, until_ns: int) -> Before:
    """Return what the service did before `from_ns`, taken to be as between `from_ns` (excluded) and `until_ns`."""
    seen = [(breaches(rule, one), one.requests) for one in outcomes if from_ns < one.known_ns <= until_ns]
    total, bad = sum(requests for _, requests in seen), sum(requests for is_bad, requests in seen if is_bad)
    seconds = ns_to_seconds(until_ns - from_ns)
    return Before(from_ns, total / seconds if seconds > 0 else 0.0, bad / total if total else 0.0)


def detector_after(
    rule: ThresholdRule,
    steady: Sequence[Outcome],
    until_ns: int,
    steady_seconds: float,
    schedule: Schedule | None = None,
) -> ThresholdDetector:
    """Return a detector of `rule` that has taken the `steady` outcomes of the last `steady_seconds` before `until_ns`,
    and takes the service to have been like that for ever. Without a schedule it starts at `until_ns`."""
    from_ns = until_ns - seconds_to_ns(steady_seconds)
    before = before_of(rule, steady, from_ns, until_ns)
    detector = ThresholdDetector(rule, schedule or Schedule(until_ns, until_ns), before)
    for outcome in steady:
        if outcome.known_ns <= until_ns:
            detector.take(outcome)
    return detector


def _counter(rule: ThresholdRule, windows_ns: Sequence[int], schedule: Schedule, before: Before) -> Counter:
    if rule.scrape_seconds is None:
        every_ns = seconds_to_ns(rule.every_seconds)
        return EveryOutcome(windows_ns, before, start_ns=schedule.start_ns, every_ns=every_ns)
    scrape_ns = seconds_to_ns(rule.scrape_seconds)
    return Scraped(windows_ns, before, scrape_ns=scrape_ns, scrape_at_ns=schedule.scrape_at_ns)
