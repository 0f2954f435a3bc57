"""What a report shows beside the result: pictures' data, and pieces of the evidence."""

from __future__ import annotations

from pydantic import Field

from flowdrill.model.strict import Strict


class ServingStep(Strict):
    """How many pods of each version a Service sends requests to, from this moment to the next step."""

    seconds: float = Field(description="since the run started")
    stable: int
    broken: int
    other: int = Field(description="pods whose image is neither, or is not known")


class LatencyRow(Strict):
    """How long the answers of one window of the run took, in seconds."""

    window: str
    requests: int
    p50: float
    p90: float
    p95: float
    p99: float
    highest: float


class SampleAnswer(Strict):
    """One bad answer of those that look alike."""

    reason: str = Field(description="as in `requests.by_reason`")
    http_status: int | None
    text: str = Field(description="the body, or what the client says where there was none")
    sampled: int = Field(description="how many such answers were kept; not how many there were")


class Excerpt(Strict):
    """Some lines of a file of evidence."""

    path: str = Field(description="relative to the run folder")
    what: str
    head: tuple[str, ...] = Field(description="its first lines")
    left_out: int = Field(description="lines between the two; 0: none, and `tail` is empty")
    tail: tuple[str, ...] = Field(default=(), description="its last lines")
