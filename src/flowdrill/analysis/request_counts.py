"""What happened to the users' requests, in numbers."""

from __future__ import annotations

from collections import Counter

from flowdrill.analysis.error_budget import burned_ratio
from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.outage import FailingWindow
from flowdrill.analysis.outcomes import KnownOutcomes
from flowdrill.analysis.percentile import percentile
from flowdrill.analysis.run_clock import run_clock
from flowdrill.model.drill import Drill
from flowdrill.model.events import Purpose, RecoveryHeld, RolledBack
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.outcome import Reason, RecordKind
from flowdrill.model.result import ErrorBudget, Requests
from flowdrill.model.run_record import RunRecord


def request_counts(
    record: RunRecord, known: KnownOutcomes, failure: FailingWindow | None, timeline: Timeline
) -> Requests:
    """Return the counts over the whole run, and the shares over the break and the outage."""
    reasons = Counter(outcome.reason for outcome in known.outcomes)
    bad = len(known.outcomes) - reasons[Reason.GOOD]
    clock = run_clock(record)
    lag_ns = schedule_lag_p99_ns(record)
    return Requests(
        total=len(known.outcomes) + known.unanswered,
        good=reasons[Reason.GOOD],
        bad=bad,
        by_reason={reason.name.lower(): reasons[reason] for reason in Reason if reason.value and reasons[reason]},
        unanswered_at_end=known.unanswered,
        bad_seconds=len({int(clock.seconds(outcome.known_ns)) for outcome in known.outcomes if outcome.bad}),
        failed_ratio=_failed_ratio(known, timeline),
        failed_ratio_after_rollback=_failed_ratio_after_rollback(record, known),
        stretches=failure.stretches if failure else 0,
        schedule_lag_p99_seconds=None if lag_ns is None else ns_to_seconds(lag_ns),
        error_budget=_error_budget(record.drill, failure.bad if failure else 0) if known.outcomes else None,
    )


def schedule_lag_p99_ns(record: RunRecord) -> int | None:
    """Return how late requests left against their schedule (99th percentile); None when none left."""
    lags = sorted(r.sent_ns - r.intended_ns for r in record.records if r.kind is RecordKind.SENT)
    return percentile(lags, 0.99)


def _failed_ratio(known: KnownOutcomes, timeline: Timeline) -> float | None:
    if timeline.broken is None:
        return None
    start_ns, recovered = timeline.broken.earliest_ns, timeline.recovered
    fates = [
        outcome.bad
        for outcome in known.outcomes
        if start_ns <= outcome.known_ns and (recovered is None or outcome.known_ns <= recovered.latest_ns)
    ]
    return sum(fates) / len(fates) if fates else None


def _failed_ratio_after_rollback(record: RunRecord, known: KnownOutcomes) -> float | None:
    rolled_back, held = record.first(RolledBack), record.first(RecoveryHeld)
    restore = image_set(record, Purpose.RESTORE)
    if rolled_back is None:
        return None
    ends = (held.at_ns if held else None, restore.instant.earliest_ns if restore else None)
    until_ns = min((end for end in ends if end is not None), default=None)
    fates = [
        outcome.bad
        for outcome in known.outcomes
        if outcome.sent_ns >= rolled_back.instant.latest_ns and (until_ns is None or outcome.known_ns <= until_ns)
    ]
    return sum(fates) / len(fates) if fates else None


def _error_budget(drill: Drill, bad: int) -> ErrorBudget:
    slo = drill.slo
    return ErrorBudget(availability=slo.availability, period_seconds=slo.period, burned_ratio=burned_ratio(drill, bad))
