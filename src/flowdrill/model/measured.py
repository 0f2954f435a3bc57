"""What a measure and a moment are in a result: with their bounds, in seconds."""

from __future__ import annotations

from flowdrill.model.strict import Strict


class Measure(Strict):
    """A time in seconds: the estimate and the bounds that hold the truth."""

    seconds: float
    earliest: float
    latest: float


class Moment(Strict):
    """An instant: seconds since the run started with its bounds, and the estimate in UTC (ISO 8601)."""

    seconds: float
    earliest: float
    latest: float
    utc: str
