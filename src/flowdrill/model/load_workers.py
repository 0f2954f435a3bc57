"""What a result says of the workers that sent the load."""

from __future__ import annotations

from pydantic import Field

from flowdrill.model.strict import Strict


class LoadWorker(Strict):
    """One of Locust's workers."""

    worker: int
    name: str
    share: int | None = Field(description="which of the shares of the schedule it sent last, from 1; null: none")
    joined_late: bool
    left_seconds: float | None = Field(description="when it left, in seconds since the run started; null: it stayed")
    requests: int = Field(description="that it sent, by its own word")
    clock_bounds_seconds: float = Field(description="how far apart the bounds of its clock were at most")
    utc_ahead_seconds: float | None = Field(description="its UTC clock less the master's; null: never compared")
    reports_missing: int = Field(description="reports that never came, or could not be read or placed in time")
    reports_repeated: int = Field(description="reports that came once more, and were left out")


class LoadByWorkers(Strict):
    """A load that workers shared, who kept bins."""

    shares: int
    requests_not_sent: int = Field(description="of the schedule, that nobody says to have sent")
    latency_relative_error: float = Field(description="of every latency in this result: they come from a histogram")
    workers: tuple[LoadWorker, ...]
