"""What several runs of one plan come to: `flowdrill run --repeat` and `flowdrill pool` answer with it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from flowdrill.model.claim import Claimed
from flowdrill.model.events import End
from flowdrill.model.result import Verdict
from flowdrill.model.strict import Strict


class Counts(StrEnum):
    """What a run counts as."""

    DRILL = "drill"  # it came to a verdict: what it measured counts
    MISS = "miss"  # something was broken, and it could not be known how it went: a miss of every claim
    NO_DRILL = "no drill"  # inconclusive, and nothing was broken: it says nothing about the brake


class RunTime(Strict):
    """One time of one run. Its truth lies between `earliest` and `latest`."""

    what: Claimed
    seconds: float | None = Field(description="the estimate; null: it was not measured")
    earliest: float = Field(description="it took that long at least; 0 where nothing more is known")
    latest: float | None = Field(description="and so long at most; null: nobody knows, or it never came")


class PooledRun(Strict):
    """One of the runs."""

    folder: str
    id: str
    started: str = Field(description="UTC, ISO 8601")
    verdict: Verdict
    end: End | None = Field(description="how it ended; null when it was cut off")
    reason: str = Field(description="why the verdict is what it is, the most important one")
    counts: Counts
    times: tuple[RunTime, ...] = Field(description="empty for a run that counts as no drill")
    failed_requests_ratio: float | None = Field(description="null: not measured")


class Median(Strict):
    """The median of a time over the runs that count, with an interval that assumes no distribution."""

    what: Claimed
    runs: int = Field(description="that count")
    measured: int = Field(description="in so many of them it was measured; the others count as longer than any")
    earliest: float = Field(description="the median of these runs took that long at least")
    seconds: float | None = Field(description="the median of the estimates; null: it was not measured in half of them")
    latest: float | None = Field(description="and so long at most; null: not known")
    low: float | None = Field(description="the interval for the median of all drills; null: too few runs for one")
    high: float | None = Field(description="null: too few runs, or nobody knows how long it took in too many of them")
    ranks: tuple[int, int] | None = Field(description="of the values that bound the interval, from 1")
    confidence: float | None = Field(description="how sure the interval is; at least what was asked for")
    slowest: float | None = Field(description="the largest `latest`; null: it was not measured in one of them")
    slowest_share: float = Field(description="at least that share of all drills takes no longer than `slowest`")


class ClaimResult(Strict):
    """Whether the runs support a claim."""

    what: Claimed
    at_most: float | None = Field(description="seconds, or a share of requests; null for `pass`")
    asked: bool = Field(description="named by whoever asked; false: it is an objective of the drill, or that it passes")
    hits: int
    runs: int = Field(description="that count")
    share: float = Field(description="of all drills, that is claimed")
    supported: bool
    supported_share: float = Field(description="the largest share that hits of runs support, with the confidence")
    supported_share_with_no_drills: float = Field(
        description="the same, had every run that counts as no drill been a miss"
    )
    runs_needed: int | None = Field(
        description="so many runs, without one miss more, would support it; null: more than 10,000"
    )


class Repeats(Strict):
    """All of it."""

    schema_: Literal["flowdrill.dev/repeats/v1"] = Field(default="flowdrill.dev/repeats/v1", alias="schema")
    drill: str
    scenario: str
    workload: str
    plan_digest: str = Field(description="of all runs: others are not counted together")
    asked_for: int | None = Field(description="how many runs were to be carried out; null: they were recorded before")
    stopped: str | None = Field(description="why fewer than those were carried out; null: all were, or none were asked")
    confidence: float
    runs: tuple[PooledRun, ...] = Field(description="in the order in which they began")
    medians: tuple[Median, ...]
    claims: tuple[ClaimResult, ...]
    notes: tuple[str, ...] = Field(description="in what the runs differ, though their plan is the same")

    @property
    def counted(self) -> tuple[PooledRun, ...]:
        """The runs that count."""
        return tuple(run for run in self.runs if run.counts is not Counts.NO_DRILL)
