"""Exact bounds on a share that was counted, without a statistics library."""

from __future__ import annotations

import math


def clopper_pearson_upper(bad: int, finished: int, confidence: float = 0.99) -> float:
    """Return the one-sided upper Clopper-Pearson bound: the share p at which seeing at most `bad` of `finished` has
    probability 1 - `confidence`. 1.0 when nothing finished or everything was bad; ValueError for impossible counts.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    if not 0 <= bad <= finished:
        raise ValueError(f"cannot have {bad} bad of {finished}")
    if bad == finished:
        return 1.0
    low, high = bad / finished, 1.0
    for _ in range(60):  # halves the interval down to the last bit of a float
        middle = (low + high) / 2
        if probability_of_at_most(bad, finished, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def probability_of_at_most(bad: int, finished: int, ratio: float) -> float:
    """Return P(at most `bad` of `finished`) when each is bad with probability `ratio`, independently."""
    if ratio <= 0 or bad >= finished:
        return 1.0
    if ratio >= 1:
        return 0.0
    log_bad, log_good = math.log(ratio), math.log1p(-ratio)
    log_ways = math.lgamma(finished + 1)
    return math.fsum(
        math.exp(
            log_ways - math.lgamma(k + 1) - math.lgamma(finished - k + 1) + k * log_bad + (finished - k) * log_good
        )
        for k in range(bad + 1)
    )
