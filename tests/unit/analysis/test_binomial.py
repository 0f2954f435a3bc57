"""Bounds on a counted share, against values that can be had by hand or from tables."""

from __future__ import annotations

from math import comb

import pytest

from flowdrill.analysis.binomial import clopper_pearson_upper, probability_of_at_most
from flowdrill.analysis.percentile import percentile


@pytest.mark.parametrize("finished", [1, 10, 300, 100_000])
def test_with_nothing_bad_the_bound_has_a_closed_form(finished: int) -> None:
    assert clopper_pearson_upper(0, finished) == pytest.approx(1 - 0.01 ** (1 / finished), rel=1e-9)


@pytest.mark.parametrize(("bad", "finished", "confidence", "bound"), [(1, 10, 0.95, 0.39416), (5, 100, 0.975, 0.11283)])
def test_the_bound_is_the_one_in_the_tables(bad: int, finished: int, confidence: float, bound: float) -> None:
    assert clopper_pearson_upper(bad, finished, confidence) == pytest.approx(bound, abs=1e-4)


def test_all_bad_or_nothing_at_all_leaves_everything_possible() -> None:
    assert clopper_pearson_upper(7, 7) == clopper_pearson_upper(0, 0) == 1.0


@pytest.mark.parametrize(("bad", "finished"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(bad: int, finished: int) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        clopper_pearson_upper(bad, finished)


def test_the_tail_is_the_sum_of_the_binomial_terms() -> None:
    exact = sum(comb(40, k) * 0.1**k * 0.9 ** (40 - k) for k in range(4))
    assert probability_of_at_most(3, 40, 0.1) == pytest.approx(exact, rel=1e-12)
    assert [probability_of_at_most(3, 40, ratio) for ratio in (0.0, 1.0)] == [1.0, 0.0]


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: int) -> None:
    assert percentile(range(1, 101), share) == value


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.99) is None
