"""What few drills can say: counts and ranks only. No distribution is assumed, and nothing is drawn anew.

Every yes or no here is computed in whole numbers. The runs are taken to be independent draws from one distribution.
"""

from __future__ import annotations

import math
from fractions import Fraction

from flowdrill.analysis.binomial import clopper_pearson_upper, probability_of_at_most

MOST_RUNS = 10_000  # more than that many drills is no plan


def supports(hits: int, runs: int, share: Fraction, confidence: Fraction) -> bool:
    """Return whether `hits` of `runs` let one claim that at least `share` of all drills are hits: so many hits or more
    would come with probability 1 - `confidence` at most if the share were just that. ValueError for impossible counts.

    Source: Clopper and Pearson (1934), the one-sided bound; for no miss it is share^runs <= 1 - confidence.
    """
    if not 0 <= hits <= runs:
        raise ValueError(f"cannot have {hits} hits in {runs} runs")
    if runs == 0:
        return False
    whole, part = share.denominator, share.numerator
    misses = runs - hits
    tail: int = part**hits * sum(
        math.comb(runs, missed) * (whole - part) ** missed * part ** (misses - missed) for missed in range(misses + 1)
    )
    return bool(tail * confidence.denominator <= (confidence.denominator - confidence.numerator) * whole**runs)


def largest_share(hits: int, runs: int, confidence: Fraction) -> float:
    """Return the largest share that `hits` of `runs` support; 0.0 of no runs."""
    return 1 - clopper_pearson_upper(runs - hits, runs, float(confidence))


def runs_needed(misses: int, share: Fraction, confidence: Fraction) -> int | None:
    """Return how many runs, with so many misses among them, first support a claim of `share`; None for more than
    MOST_RUNS."""
    ratio, left = float(1 - share), 1 - float(confidence)
    low, high = misses, MOST_RUNS  # low is too few, high enough
    if probability_of_at_most(misses, MOST_RUNS, ratio) > left:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if probability_of_at_most(misses, middle, ratio) <= left else (middle, high)
    while not supports(high - misses, high, share, confidence):  # floats may be wrong in their last bit
        high += 1
    while supports(high - 1 - misses, high - 1, share, confidence):
        high -= 1
    return high


def median_ranks(runs: int, confidence: Fraction) -> tuple[int, int] | None:
    """Return the two ranks, from 1, between whose values the median lies with `confidence` at least, whatever the
    distribution: the closest such pair of k and runs + 1 - k. None when there are too few runs for any.

    Source: David and Nagaraja, "Order Statistics" (2003), 7.1: P(x(k) <= median <= x(n+1-k)) >= 1 - 2 P(B(n, 1/2) < k).
    """
    below, rank = 0, 0
    while rank < (runs + 1) // 2:
        below += math.comb(runs, rank)  # of 2**runs: how often at most `rank` of the runs are below the median
        if 2 * below * confidence.denominator > (confidence.denominator - confidence.numerator) * 2**runs:
            break
        rank += 1
    return (rank, runs + 1 - rank) if rank else None


def median_confidence(runs: int, rank: int) -> float:
    """Return how sure it is that the median lies between the values of `rank` and runs + 1 - `rank`."""
    return float(1 - Fraction(2 * sum(math.comb(runs, below) for below in range(rank)), 2**runs))


def runs_for_median(confidence: Fraction) -> int:
    """Return how many runs there must be before the median has an interval at all: 6 for 95 %."""
    runs = 1
    while median_ranks(runs, confidence) is None:
        runs += 1
    return runs
