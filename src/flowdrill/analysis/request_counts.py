"""What happened to the users' requests, in numbers."""

from __future__ import annotations

import numpy as np

from flowdrill.analysis.error_budget import burned_ratio
from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.outage import Failure
from flowdrill.analysis.outcome_columns import KnownColumns, OutcomeColumns, within_64_bits
from flowdrill.analysis.run_clock import run_clock
from flowdrill.model.drill import Drill
from flowdrill.model.events import Purpose, RecoveryHeld, RolledBack
from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds
from flowdrill.model.outcome import Reason
from flowdrill.model.result import ErrorBudget, Requests
from flowdrill.model.run_record import RunRecord


def request_counts(
    record: RunRecord, known: KnownColumns, failure: Failure | None, timeline: Timeline, lag_ns: int | None
) -> Requests:
    """Return the counts over the whole run, and the shares over the break and the outage. `lag_ns`: how late requests
    left against their schedule."""
    outcomes = known.outcomes
    reasons = dict(zip(Reason, outcomes.reason_counts().tolist(), strict=True))
    return Requests(
        total=outcomes.total() + known.unanswered,
        good=reasons[Reason.GOOD],
        bad=outcomes.total() - reasons[Reason.GOOD],
        by_reason={reason.name.lower(): reasons[reason] for reason in Reason if reason.value and reasons[reason]},
        unanswered_at_end=known.unanswered,
        bad_seconds=_bad_seconds(outcomes, run_clock(record).start.monotonic_ns),
        failed_ratio=_failed_ratio(outcomes, timeline),
        failed_ratio_after_rollback=_failed_ratio_after_rollback(record, outcomes),
        stretches=failure.stretches if failure else 0,
        schedule_lag_p99_seconds=None if lag_ns is None else ns_to_seconds(lag_ns),
        error_budget=_error_budget(record.drill, failure.bad if failure else 0) if len(outcomes) else None,
    )


def _bad_seconds(outcomes: OutcomeColumns, start_ns: int) -> int:
    """In how many of the run's seconds a bad outcome became known."""
    seconds: set[int] = set()
    for part in outcomes.parts():
        since_start_ns = part.known_ns[part.bad] - within_64_bits(start_ns)
        seconds.update(np.unique((since_start_ns / NS_PER_SECOND).astype(np.int64)).tolist())
    return len(seconds)


def _failed_ratio(outcomes: OutcomeColumns, timeline: Timeline) -> float | None:
    if timeline.broken is None:
        return None
    known = outcomes.since(timeline.broken.earliest_ns)
    if timeline.recovered is not None:
        known = known.until(timeline.recovered.latest_ns)
    return known.bad_count() / known.total() if len(known) else None


def _failed_ratio_after_rollback(record: RunRecord, outcomes: OutcomeColumns) -> float | None:
    rolled_back, held = record.first(RolledBack), record.first(RecoveryHeld)
    restore = image_set(record, Purpose.RESTORE)
    if rolled_back is None:
        return None
    ends = (held.at_ns if held else None, restore.instant.earliest_ns if restore else None)
    until_ns = min((end for end in ends if end is not None), default=None)
    known = outcomes if until_ns is None else outcomes.until(until_ns)
    from_ns, bad, count = within_64_bits(rolled_back.instant.latest_ns), 0, 0
    for part in known.parts():
        later = part.sent_ns >= from_ns
        count += part.count(later)
        bad += part.count(later & part.bad)
    return bad / count if count else None


def _error_budget(drill: Drill, bad: int) -> ErrorBudget:
    slo = drill.slo
    return ErrorBudget(availability=slo.availability, period_seconds=slo.period, burned_ratio=burned_ratio(drill, bad))
