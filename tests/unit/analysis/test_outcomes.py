"""Which requests were good or bad, and since when."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.outcomes import OutcomeBook, outcomes_of
from flowdrill.model.outcome import Outcome, Reason, Record, RecordKind

OBJECTIVE = 2_000


def sent(number: int, at: int, intended: int | None = None) -> Record:
    return Record(RecordKind.SENT, Reason.GOOD, 0, number, at if intended is None else intended, at, 0)


def finished(number: int, at: int, end: int, reason: Reason = Reason.GOOD, status: int = 200) -> Record:
    return Record(RecordKind.FINISHED, reason, status, number, at, at, end)


def test_an_answer_closes_its_request() -> None:
    book = OutcomeBook(OBJECTIVE)
    assert book.take(sent(1, 100)) is None
    assert book.in_flight == 1
    assert book.take(finished(1, 100, 150)) == Outcome(1, 100, 100, 150, Reason.GOOD, 200)
    assert book.in_flight == 0


def test_no_answer_has_no_status() -> None:
    book = OutcomeBook(OBJECTIVE)
    book.take(sent(1, 100))
    outcome = book.take(finished(1, 100, 150, Reason.CONNECTION, 0))
    assert outcome is not None
    assert (outcome.bad, outcome.http_status) == (True, None)


@pytest.mark.parametrize("reason", [Reason.GOOD, Reason.HTTP_STATUS])
def test_an_answer_after_the_objective_is_too_slow_since_the_objective(reason: Reason) -> None:
    known = outcomes_of([sent(1, 100), finished(1, 100, 100 + OBJECTIVE + 1, reason)], OBJECTIVE, 10_000)
    (outcome,) = known.outcomes
    assert (outcome.reason, outcome.known_ns) == (Reason.TOO_SLOW, 100 + OBJECTIVE)


def test_an_answer_at_the_objective_is_in_time() -> None:
    (outcome,) = outcomes_of([sent(1, 100), finished(1, 100, 100 + OBJECTIVE)], OBJECTIVE, 10_000).outcomes
    assert not outcome.bad


def test_a_request_is_overdue_once_and_its_late_answer_is_ignored() -> None:
    book = OutcomeBook(OBJECTIVE)
    book.take(sent(1, 100))
    assert book.overdue(100 + OBJECTIVE) == []
    assert book.overdue(101 + OBJECTIVE) == [Outcome(1, 100, 100, 100 + OBJECTIVE, Reason.TOO_SLOW, None)]
    assert book.overdue(102 + OBJECTIVE) == []
    assert book.take(finished(1, 100, 103 + OBJECTIVE)) is None
    assert book.in_flight == 0


def test_age_counts_from_leaving_and_not_from_the_schedule() -> None:
    book = OutcomeBook(OBJECTIVE)
    book.take(sent(1, 5_000, intended=100))
    assert book.overdue(5_000 + OBJECTIVE) == []


def test_what_is_not_yet_due_at_the_end_is_unanswered() -> None:
    records = [sent(1, 100), sent(2, 9_000), sent(3, 9_500), finished(3, 9_500, 10_001)]
    known = outcomes_of(records, OBJECTIVE, 10_000)
    assert [o.sequence for o in known.outcomes] == [1]
    assert known.unanswered == 2


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_live_and_afterwards_agree_when_the_pipe_is_fast(seed: int, count: int) -> None:
    rng = random.Random(seed)
    moments: list[tuple[int, Record]] = []
    for number in range(count):
        at = number * 100
        end = at + rng.randrange(1, 3 * OBJECTIVE)
        moments += [(at, sent(number, at)), (end, finished(number, at, end, rng.choice(list(Reason)[:6])))]
    moments.sort(key=lambda moment: moment[0])
    book, live = OutcomeBook(OBJECTIVE), []
    for now, record in moments:
        live += [outcome for outcome in [book.take(record)] if outcome]
        live += book.overdue(now)
    until = moments[-1][0]
    afterwards = outcomes_of([record for _, record in moments], OBJECTIVE, until)
    facts = sorted((o.known_ns, o.sequence, o.reason) for o in live)
    assert facts == [(o.known_ns, o.sequence, o.reason) for o in afterwards.outcomes]
    assert afterwards.unanswered == book.in_flight
