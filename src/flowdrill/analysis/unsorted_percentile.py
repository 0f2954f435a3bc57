"""The percentiles of `analysis.percentile`, of columns that are not sorted."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from flowdrill.analysis.outcome_columns import Ages, Times
from flowdrill.analysis.percentile import rank_of


def percentiles(values: Ages, *shares: float) -> tuple[int | None, ...]:
    """Return each of the percentiles; None of none."""
    if not len(values):
        return (None,) * len(shares)
    ranks = [rank_of(share, len(values)) for share in shares]
    found = np.partition(values, ranks)
    return tuple(int(found[rank]) for rank in ranks)


def high_percentile(parts: Iterable[Times], share: float, count: int) -> int | None:
    """Return one percentile of all `count` values, however many: only those are kept that may be above it."""
    if not count:
        return None
    wanted = count - rank_of(share, count)
    greatest: NDArray[np.int64] = np.empty(0, np.int64)
    for part in parts:
        greatest = np.concatenate((greatest, part[part > greatest[0]] if len(greatest) == wanted else part))
        if len(greatest) > wanted:
            greatest = np.partition(greatest, len(greatest) - wanted)[len(greatest) - wanted :]
    return int(greatest.min())
