"""What `flowdrill site` knows of recorded runs: one short row each, and the folders that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pydantic import Field

from flowdrill.model.ledger import Ledger
from flowdrill.model.measured import Measure
from flowdrill.model.result import Verdict
from flowdrill.model.strict import Strict


class Timed(StrEnum):
    """The times that are followed from run to run; named as in `result.json`."""

    TIME_TO_DETECT = "time_to_detect"
    REACTION = "reaction"
    TIME_TO_RECOVER = "time_to_recover"
    OUTAGE = "outage"


class TimeOfRun(Strict):
    """One time of one run. Its truth lies between the measure's bounds."""

    what: Timed
    measure: Measure | None = Field(description="null: it was not measured, which is never 0")
    at_most: float | None = Field(description="seconds, the objective of that run; null: none, or not known")


class HistoryRun(Strict):
    """One run. The texts are as they were recorded: whoever shows them makes them harmless."""

    folder: str = Field(description="its name")
    id: str
    drill: str
    scenario: str
    verdict: Verdict
    reason: str = Field(description="the most important one")
    started: str = Field(description="UTC, ISO 8601")
    cluster: str
    namespace: str
    workload: str
    tool_version: str
    stable_reference: str | None
    stable_digest: str | None = Field(description="null: the run ended before it was known")
    times: tuple[TimeOfRun, ...]
    has_report: bool = Field(description="whether its report.html is there")
    anew_because: str | None = Field(description="why it was made from what was recorded; null: from its result.json")

    @property
    def day(self) -> str:
        """The day in UTC, ISO 8601."""
        return self.started[:10]

    @property
    def context(self) -> str:
        """The cluster's name without its address: that of an embedded cluster is another one each time."""
        return self.cluster.partition(" (http")[0]

    @property
    def target(self) -> str:
        """What was drilled, and where."""
        return f"{self.namespace}/{self.workload} on {self.context}"

    def time(self, what: Timed) -> TimeOfRun:
        """One of its times."""
        return next(one for one in self.times if one.what is what)


class UnreadableRun(Strict):
    """A folder that cannot be read, and why."""

    folder: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """A ledger, or the part of it that holds. `problem`: why nothing behind it can be relied on."""

    ledger: Ledger
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All of it. Runs are ordered by their start, the oldest first."""

    runs: tuple[HistoryRun, ...]
    unreadable: tuple[UnreadableRun, ...]
    ledgers: tuple[LedgerSeen, ...]
    as_of: date
    valid_days: int  # so long after a passing drill it counts as evidence
