"""The last result of each scenario on each target, and whether it still counts as evidence on a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from flowdrill.model.history import HistoryRun
from flowdrill.model.result import Verdict


class Standing(StrEnum):
    """What a scenario's runs on a target show on a day."""

    VALID = "valid"  # a drill passed within so many days, and none has failed since
    FAILED_SINCE = "failed since"  # one passed within so many days, and one failed that did not begin before it
    EXPIRED = "expired"  # the last one that passed is older
    NEVER = "never passed"


@dataclass(frozen=True, slots=True)
class DrillEvidence:
    """One scenario on one target, by the runs that had begun by the end of a day. `age_days`: of the last run that
    passed; `last_day`: the last one on which it counts."""

    scenario: str
    target: str
    runs: int
    last: HistoryRun
    passed: HistoryRun | None
    age_days: int | None
    last_day: date | None
    standing: Standing


def evidence_of(runs: Iterable[HistoryRun], as_of: date, valid_days: int) -> tuple[DrillEvidence, ...]:
    """Return what is evidence on the day `as_of` (UTC), by scenario and target. `runs`: the oldest first. A run that
    passed on day D counts until D + `valid_days`, that day included. Later runs are left out: they were not known."""
    known = [run for run in runs if date.fromisoformat(run.day) <= as_of]
    known.sort(key=lambda one: (one.scenario, one.target))  # stable: in time's order within each
    return tuple(
        _evidence(scenario, target, tuple(of_both), as_of, valid_days)
        for (scenario, target), of_both in groupby(known, key=lambda one: (one.scenario, one.target))
    )


def _evidence(scenario: str, target: str, runs: Sequence[HistoryRun], as_of: date, valid_days: int) -> DrillEvidence:
    passed = next((run for run in reversed(runs) if run.verdict is Verdict.PASS), None)
    if passed is None:
        return DrillEvidence(scenario, target, len(runs), runs[-1], None, None, None, Standing.NEVER)
    day = date.fromisoformat(passed.day)
    age = (as_of - day).days
    # of two that began at the same instant nobody knows which was later: the name of a folder must not decide
    failed_since = any(run.verdict is Verdict.FAIL and run.started >= passed.started for run in runs)
    standing = Standing.EXPIRED if age > valid_days else Standing.FAILED_SINCE if failed_since else Standing.VALID
    return DrillEvidence(scenario, target, len(runs), runs[-1], passed, age, _later(day, valid_days), standing)


def _later(day: date, days: int) -> date:
    return day + timedelta(days=min(days, (date.max - day).days))
