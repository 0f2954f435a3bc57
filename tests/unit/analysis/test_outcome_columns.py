"""Columns say of any records exactly what objects say: the join, the order, the failure, and every count."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdrill.analysis.column_percentiles import high_percentile
from flowdrill.analysis.measure import failure_of
from flowdrill.analysis.outage import FailingWindow, Failure, failing_window
from flowdrill.analysis.outage_columns import failure_in, failure_of_run
from flowdrill.analysis.outcome_columns import PART, KnownColumns, OutcomeColumns, columns_of
from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.analysis.percentile import percentile
from flowdrill.analysis.recorded_outcomes import known_columns
from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.requests_sent import schedule_lag_p99_ns, sent_within
from flowdrill.analysis.time_columns import TimeColumn, time_columns
from flowdrill.model.instant import NS_PER_SECOND, Instant
from flowdrill.model.outcome import Outcome, Reason, Record, RecordKind
from tests.unit.analysis import as_objects
from tests.unit.analysis.as_objects import SmallChunks
from tests.unit.analysis.synthetic_run import START_NS, at, synthetic_run

OBJECTIVE = 500

# few sequences and few instants: what leaves twice, comes back twice, or never left, all of it at the same time
RECORDS = st.lists(
    st.builds(
        Record,
        st.sampled_from(RecordKind),
        st.sampled_from(Reason),
        st.sampled_from([0, 200]),
        st.one_of(st.integers(0, 6), st.sampled_from([2**32 - 1, 2**31])),
        st.integers(0, 30),
        st.integers(0, 40).map(lambda tick: tick * 50),
        st.integers(0, 60).map(lambda tick: tick * 50),
    ),
    max_size=40,
)


def as_rows(outcomes: OutcomeColumns) -> list[tuple[int, int, int, bool]]:
    columns = (outcomes.known_ns, outcomes.sent_ns, outcomes.reason, outcomes.answered)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def rows_of(outcomes: list[Outcome] | tuple[Outcome, ...]) -> list[tuple[int, int, int, bool]]:
    return [(o.known_ns, o.sent_ns, o.reason.value, o.http_status is not None) for o in outcomes]


def as_columns(columns: Iterable[TimeColumn]) -> list[as_objects.Column]:
    return [(one.index, one.by_reason, one.latency_p50_ns, one.latency_p95_ns) for one in columns]


def assert_same(columns: KnownColumns, records: list[Record] | tuple[Record, ...], objective: int, until: int) -> None:
    known = outcomes_of(records, objective, until)
    assert as_rows(columns.outcomes) == rows_of(known.outcomes)
    assert columns.unanswered == known.unanswered


@given(RECORDS, st.integers(1, 12), st.sampled_from([0, 1_000, 2_500, 10**6]), st.sampled_from([OBJECTIVE, 0, 2**80]))
def test_any_records_in_any_chunks_give_the_outcomes_of_the_book(
    records: list[Record], size: int, until: int, objective: int
) -> None:
    assert_same(known_columns(SmallChunks(records, size), objective, until), records, objective, until)
    assert_same(known_columns(records, objective, until), records, objective, until)


def load(rng: random.Random, count: int, *, lost: float = 0.02) -> list[Record]:
    """Requests as Locust sends them: numbered, nearly in order, some late, some whose answer is not in the file."""
    moments: list[tuple[int, Record]] = []
    for number in range(count):
        sent = number * 100 + rng.randrange(150)
        reason, status = rng.choice([(Reason.GOOD, 200)] * 5 + [(Reason.FLOW_ERROR, 500), (Reason.CONNECTION, 0)])
        end = sent + rng.choice([rng.randrange(300), rng.randrange(3 * OBJECTIVE), 20 * OBJECTIVE])
        moments.append((sent, Record(RecordKind.SENT, Reason.GOOD, 0, number, number * 100, sent, 0)))
        if rng.random() >= lost:
            back = Record(RecordKind.FINISHED, reason, status, number, number * 100, sent, end)
            moments.append((end + rng.randrange(1, 300), back))
    return [record for _, record in sorted(moments, key=lambda moment: moment[0])]


@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 50), st.sampled_from([0.0, 0.02, 1.0]))
def test_what_locust_writes_gives_the_outcomes_of_the_book(seed: int, count: int, size: int, lost: float) -> None:
    records = load(random.Random(seed), count, lost=lost)
    until = count * 100
    assert_same(known_columns(SmallChunks(records, size), OBJECTIVE, until), records, OBJECTIVE, until)


@given(RECORDS, st.integers(1, 12), st.integers(0, 2_000), st.integers(1, 700))
def test_columns_of_time_count_every_outcome_and_know_what_answers_took(
    records: list[Record], size: int, start: int, width: int
) -> None:
    known = outcomes_of(records, OBJECTIVE, 10**6)
    columns = known_columns(SmallChunks(records, size), OBJECTIVE, 10**6).outcomes
    parts = (columns.slice(first, first + size) for first in range(0, len(columns), size))
    assert as_columns(time_columns(parts, start, width)) == as_objects.columns_in_time(known.outcomes, start, width)


def test_a_column_of_time_knows_its_good_and_bad_ones() -> None:
    column = TimeColumn(0, (5, 1, 0, 0, 0, 2, 0, 0), None, None)
    assert (column.good, column.bad) == (5, 3)


def as_failure(window: FailingWindow | None) -> Failure | None:
    return None if window is None else Failure(window.impact, window.recovered, window.stretches, window.bad)


# runs of good and of bad outcomes: noise, outages, flapping
FATES = st.lists(st.tuples(st.booleans(), st.one_of(st.integers(1, 4), st.integers(5, 200))), max_size=12)


@given(FATES, st.integers(0, 2**32), st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.3, 0.94, 0.96]), st.integers(0, 3_000))
def test_the_failure_is_the_same_number_for_number(
    fates: list[tuple[bool, int]], seed: int, normal: float, start: int
) -> None:
    rng, known, outcomes = random.Random(seed), 0, list[Outcome]()
    for is_bad, count in fates:
        for _ in range(count):
            known += rng.choice([0, 3, 20, 150])
            sent = known - rng.choice([0, 5, 50, 400])
            outcomes.append(
                Outcome(len(outcomes), sent, sent, known, Reason.FLOW_ERROR if is_bad else Reason.GOOD, 200)
            )
    window = failing_window(outcomes, normal_bad_ratio=normal, from_ns=start, gap_ns=100)
    found = failure_in(columns_of(outcomes), normal_bad_ratio=normal, from_ns=start, gap_ns=100)
    assert found == as_failure(window)


@pytest.mark.parametrize(("noise", "seed"), [(0.0, 1), (0.01, 2), (0.2, 3)])
def test_a_run_of_several_parts_is_as_one_of_one(noise: float, seed: int) -> None:
    rng, outcomes = random.Random(seed), list[Outcome]()
    count = 2 * PART + 500
    outage = range(PART - 20_000, PART + 20_000)
    for number in range(count):
        bad = rng.random() < (0.6 if number in outage else noise)
        known = number * 1_000_000
        sent = known - rng.randrange(3_000_000)
        outcomes.append(Outcome(number, sent, sent, known, Reason.FLOW_ERROR if bad else Reason.GOOD, 200))
    columns, from_ns = columns_of(outcomes), outcomes[PART // 2].known_ns
    window = failing_window(outcomes, normal_bad_ratio=noise, from_ns=from_ns)
    assert window is not None
    assert failure_in(columns, normal_bad_ratio=noise, from_ns=from_ns) == as_failure(window)
    width = 7 * NS_PER_SECOND
    assert as_columns(time_columns(columns.parts(), 0, width)) == as_objects.columns_in_time(outcomes, 0, width)
    assert columns.reason_counts().sum() == count


@given(RECORDS, st.integers(1, 12), st.integers(0, 1_000), st.integers(0, 1_000))
def test_what_left_is_counted_in_any_chunks(records: list[Record], size: int, start: int, length: int) -> None:
    chunks, window = SmallChunks(records, size), Instant(start, start + length)
    assert schedule_lag_p99_ns(chunks) == as_objects.schedule_lag_p99_ns(records)
    left = [r.sent_ns for r in records if r.kind is RecordKind.SENT]
    assert sent_within(chunks, window) == sum(start <= sent_ns <= start + length for sent_ns in left)


@given(st.lists(st.integers(-20, 20), max_size=60), st.integers(1, 9), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_high_percentile_of_parts_is_that_of_the_whole(values: list[int], size: int, share: float) -> None:
    parts = (np.array(values[first : first + size], np.int64) for first in range(0, len(values), size))
    assert high_percentile(parts, share, len(values)) == percentile(sorted(values), share)


@given(st.integers(0, 2**32), st.integers(1, 3_000))
@settings(max_examples=10)
def test_a_report_says_of_columns_what_objects_say(seed: int, size: int) -> None:
    record = synthetic_run(seed=seed, noise=0.02)
    known = outcomes_of(record.records, 2 * NS_PER_SECOND, record.events[-1].at_ns)
    report = report_of(replace(record, records=SmallChunks(record.records, size)))
    assert report == report_of(record)
    requests = report.result.requests
    assert requests.bad_seconds == as_objects.bad_seconds(known, START_NS)
    assert requests.good == sum(not one.bad for one in known.outcomes)
    assert requests.bad + requests.good == len(known.outcomes)
    columns = as_objects.columns_in_time(known.outcomes, START_NS, NS_PER_SECOND // 4)
    counts = [sum(by_reason) for _, by_reason, _, _ in columns]
    assert [count for column in report.chart if (count := column.good + column.bad)] == counts
    outcomes = known_columns(record.records, 2 * NS_PER_SECOND, record.events[-1].at_ns).outcomes
    assert failure_of_run(record, outcomes) == as_failure(failure_of(record, known.outcomes))


def test_times_beyond_all_clocks_do_not_stop_a_report() -> None:
    record = synthetic_run()
    ages = columns_of(outcomes_of(record.records, 2 * NS_PER_SECOND, at(44)).outcomes)
    assert len(ages.until(10**40)) == len(ages)
    assert len(ages.since(-(10**40))) == len(ages)
    assert failure_in(ages, normal_bad_ratio=0.01, from_ns=10**40) is None


def test_ages_that_need_64_bits_get_them() -> None:
    second = NS_PER_SECOND
    slow = [
        Record(RecordKind.SENT, Reason.GOOD, 0, 1, 0, 0, 0),
        Record(RecordKind.FINISHED, Reason.GOOD, 200, 1, 0, 0, 9 * second),
    ]
    backwards = [replace(one, sent_ns=5, finished_ns=0) for one in slow]
    assert known_columns(slow, 2 * second, 10 * second).outcomes.age_ns.dtype == np.uint32
    assert known_columns(slow, 10 * second, 10 * second).outcomes.age_ns.tolist() == [9 * second]
    assert known_columns(slow[:1], 8 * second, 10 * second).outcomes.age_ns.tolist() == [8 * second]
    assert known_columns(backwards, 2 * second, 10 * second).outcomes.age_ns.tolist() == [-5]
