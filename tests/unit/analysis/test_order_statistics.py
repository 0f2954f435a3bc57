"""Counts and ranks against tables, closed forms, brute force in fractions, and simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdrill.analysis.order_statistics import (
    MOST_RUNS,
    largest_share,
    median_confidence,
    median_ranks,
    runs_for_median,
    runs_needed,
    supports,
)

P95 = Fraction(95, 100)
EXAMPLES = [(hits, runs) for runs in (1, 5, 11) for hits in range(runs + 1)]


def test_ninety_five_percent_with_ninety_five_percent_confidence_needs_59_of_59() -> None:
    assert supports(59, 59, P95, P95)
    assert not supports(58, 58, P95, P95)
    assert not supports(58, 59, P95, P95)
    assert runs_needed(0, P95, P95) == 59


def test_with_10_of_10_one_may_claim_74_1_percent_and_no_more() -> None:
    assert largest_share(10, 10, P95) == pytest.approx(0.05 ** (1 / 10), rel=1e-12)
    assert supports(10, 10, Fraction(7411, 10_000), P95)
    assert not supports(10, 10, Fraction(7412, 10_000), P95)


@pytest.mark.parametrize(
    ("misses", "share", "confidence", "runs"),
    [
        # Wilks' numbers for 95/95, well known from safety analyses
        *((misses, "0.95", "0.95", n) for misses, n in enumerate((59, 93, 124, 153, 181, 208, 234, 260, 286, 311))),
        (0, "0.99", "0.95", 299),
        (0, "0.90", "0.90", 22),
        (0, "0.99", "0.99", 459),
        (0, "0.999", "0.95", 2995),
    ],
)
def test_the_runs_that_are_needed_are_those_of_the_tables(misses: int, share: str, confidence: str, runs: int) -> None:
    assert runs_needed(misses, Fraction(share), Fraction(confidence)) == runs


def test_what_no_plan_can_reach_is_not_counted_out() -> None:
    assert runs_needed(9, Fraction(999, 1000), P95) is None
    assert runs_needed(0, Fraction(9_999, 10_000), P95) is None
    assert MOST_RUNS == 10_000


@pytest.mark.parametrize(
    ("hits", "runs", "share"), [(9, 10, 0.60584), (8, 10, 0.49310), (19, 20, 0.78389), (95, 100, 0.89775)]
)
def test_the_bound_with_misses_is_the_one_in_the_tables(hits: int, runs: int, share: float) -> None:
    assert largest_share(hits, runs, P95) == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize(("hits", "runs"), EXAMPLES)
def test_supported_is_what_counting_every_outcome_in_fractions_says(hits: int, runs: int) -> None:
    for share in (Fraction(1, 2), Fraction(4, 5), Fraction(19, 20)):
        tail = Fraction(0)
        for outcome in product((0, 1), repeat=runs):
            if sum(outcome) >= hits:
                tail += share ** sum(outcome) * (1 - share) ** (runs - sum(outcome))
        assert supports(hits, runs, share, P95) == (tail <= 1 - P95)


@given(st.integers(1, 120).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs))))
@settings(max_examples=60)
def test_the_largest_share_is_where_supported_ends(counted: tuple[int, int]) -> None:
    hits, runs = counted
    share = largest_share(hits, runs, P95)
    if hits:
        assert supports(hits, runs, Fraction(share) * Fraction(999_999, 1_000_000), P95)
    assert not supports(hits, runs, Fraction(share) + Fraction(1, 1_000_000), P95)


def test_no_run_supports_nothing_and_impossible_counts_are_refused() -> None:
    assert not supports(0, 0, P95, P95)
    assert largest_share(0, 0, P95) == largest_share(0, 7, P95) == 0.0
    with pytest.raises(ValueError, match="3 hits in 2 runs"):
        supports(3, 2, P95, P95)


@pytest.mark.parametrize(
    ("runs", "ranks"),
    # as in the tables of the two-sided sign test
    [(5, None), (6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (12, (3, 10)), (15, (4, 12)), (20, (6, 15)), (30, (10, 21))],
)
def test_the_ranks_of_a_medians_interval_are_those_of_the_tables(runs: int, ranks: tuple[int, int] | None) -> None:
    assert median_ranks(runs, P95) == ranks


@pytest.mark.parametrize(("runs", "rank", "confidence"), [(6, 1, 0.96875), (10, 2, 0.978516), (20, 6, 0.958611)])
def test_an_interval_is_as_sure_as_its_ranks_are(runs: int, rank: int, confidence: float) -> None:
    assert median_confidence(runs, rank) == pytest.approx(confidence, abs=1e-6)


def test_a_median_needs_6_runs_for_95_percent() -> None:
    assert [runs_for_median(Fraction(one, 100)) for one in (50, 90, 95, 99)] == [2, 5, 6, 8]


@pytest.mark.parametrize("runs", [6, 11, 20])
@pytest.mark.parametrize(
    ("draw", "truth"),
    [(lambda rng: rng.expovariate(1), math.log(2)), (lambda rng: rng.lognormvariate(3, 2), math.exp(3))],
    ids=["exponential", "lognormal"],
)
def test_a_medians_interval_holds_it_as_often_as_it_says(
    runs: int, draw: Callable[[random.Random], float], truth: float
) -> None:
    ranks = median_ranks(runs, P95)
    assert ranks is not None
    rng, times, held = random.Random(59), 4000, 0
    for _ in range(times):
        drawn = sorted(draw(rng) for _ in range(runs))
        held += drawn[ranks[0] - 1] <= truth <= drawn[ranks[1] - 1]
    wanted = median_confidence(runs, ranks[0])
    assert wanted >= 0.95
    assert abs(held / times - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / times)


@pytest.mark.parametrize("truth", [0.5, 0.9, 0.97])
def test_the_largest_share_is_above_the_truth_in_5_percent_of_all_series_at_most(truth: float) -> None:
    rng, series, runs, above = random.Random(7), 3000, 30, 0
    bounds = [largest_share(hits, runs, P95) for hits in range(runs + 1)]
    for _ in range(series):
        above += bounds[sum(rng.random() < truth for _ in range(runs))] > truth
    assert above / series <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / series)
