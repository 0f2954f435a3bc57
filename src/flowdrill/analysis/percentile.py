"""Percentiles of what was counted."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(ascending: Sequence[int], share: float) -> int | None:
    """Return the nearest-rank percentile (`share` 0.99 = 99th) of sorted values: always one of them; None of none."""
    if not ascending:
        return None
    return ascending[rank_of(share, len(ascending))]


def rank_of(share: float, count: int) -> int:
    """Return where that percentile stands among `count` sorted values, from 0."""
    return max(0, math.ceil(share * count) - 1)
