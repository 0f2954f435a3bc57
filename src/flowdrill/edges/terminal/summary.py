"""What a run came to, in a few lines for a terminal."""

from __future__ import annotations

from flowdrill.model.measured import Measure
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment, Result
from flowdrill.model.status import Status

_MARKS = {Status.PASS: "ok", Status.WARNING: "warning", Status.FAIL: "FAILED", Status.UNKNOWN: "unknown"}


def summary_of(result: Result) -> str:
    """Return the verdict, the four times with their bounds, and every objective, check and limit that did not pass."""
    measures = result.measures
    missing = "no user was ever hit" if result.never_hit else "not measured"
    lines = [
        f"{result.verdict.upper()}: {result.run.drill} on {result.run.namespace}/{result.run.workload}",
        *(f"  {reason}" for reason in result.reasons),
        _time("time to detect", measures.time_to_detect, missing),
        *_people(result, missing),
        _time("reaction", measures.reaction, missing),
        _time("time to recover", measures.time_to_recover, missing),
        _time("outage", measures.outage, missing),
        *([_time("until restore", restored, missing)] if (restored := measures.outage_until_restore) else []),
        f"  {'requests':<16} {result.requests.total}, {result.requests.bad} bad",
    ]
    lines += [_assessment(a) for a in result.objectives]
    lines += [_assessment(a) for a in (*result.checks, *result.limits) if a.status is not Status.PASS]
    return "\n".join(lines)


def _people(result: Result, missing: str) -> list[str]:
    """What a game day adds: the times of people, and who rolled back."""
    day, measures = result.game_day, result.measures
    if day is None or not (day.by_people or result.instants.acknowledged):
        return []
    lines = [_time("acknowledged in", measures.time_to_acknowledge, "nobody acknowledged")]
    if day.by_people:
        lines.append(_time("time to act", measures.time_to_act, missing))
        by = f"{day.rolled_back_by}: {day.how}" if day.rolled_back_by is not None else "nobody of the people"
        lines.append(f"  {'rolled back by':<16} {by}")
    return lines


def _time(name: str, measure: Measure | None, missing: str) -> str:
    if measure is None:
        return f"  {name:<16} {missing}"
    bounds = f"between {format_seconds(measure.earliest)} and {format_seconds(measure.latest)}"
    return f"  {name:<16} {format_seconds(measure.seconds)} ({bounds})"


def _assessment(a: Assessment) -> str:
    detail = f": {a.detail}" if a.detail else ""
    return f"  {_MARKS[a.status]:<7} {a.name}: {a.observed} (required: {a.required}){detail}"
