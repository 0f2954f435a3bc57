"""The percentiles of `analysis.percentile`, of columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.outcome_columns import Ages, Times
from flowdrill.analysis.percentile import rank_of


def percentile_of(ascending: Ages, share: float) -> int | None:
    """Return the percentile of a sorted column; None of none."""
    return int(ascending[rank_of(share, len(ascending))]) if len(ascending) else None


def high_percentile(parts: Iterable[Times], share: float, count: int) -> int | None:
    """Return one percentile of all `count` values, however many: only those are kept that may be above it."""
    if not count:
        return None
    wanted = count - rank_of(share, count)
    greatest: NDArray[np.int64] = np.empty(0, np.int64)
    for part in parts:
        greatest = np.concatenate((greatest, part[part > greatest.min()] if len(greatest) == wanted else part))
        if len(greatest) > wanted:
            greatest = np.partition(greatest, len(greatest) - wanted)[len(greatest) - wanted :]
    return int(greatest.min())
