"""What a run came to, in a few lines for a terminal."""

from __future__ import annotations

from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment, Measure, Result
from flowdrill.model.status import Status

_MARKS = {Status.PASS: "ok", Status.WARNING: "warning", Status.FAIL: "FAILED", Status.UNKNOWN: "unknown"}


def summary_of(result: Result) -> str:
    """Return the verdict, the four times with their bounds, and every objective and check that did not pass."""
    measures = result.measures
    missing = "no user was ever hit" if result.never_hit else "not measured"
    lines = [
        f"{result.verdict.upper()}: {result.run.drill} on {result.run.namespace}/{result.run.workload}",
        *(f"  {reason}" for reason in result.reasons),
        _time("time to detect", measures.time_to_detect, missing),
        _time("reaction", measures.reaction, missing),
        _time("time to recover", measures.time_to_recover, missing),
        _time("outage", measures.outage, missing),
        f"  {'requests':<16} {result.requests.total}, {result.requests.bad} bad",
    ]
    lines += [_assessment(a) for a in result.objectives]
    lines += [_assessment(a) for a in result.checks if a.status is not Status.PASS]
    return "\n".join(lines)


def _time(name: str, measure: Measure | None, missing: str) -> str:
    if measure is None:
        return f"  {name:<16} {missing}"
    bounds = f"between {format_seconds(measure.earliest)} and {format_seconds(measure.latest)}"
    return f"  {name:<16} {format_seconds(measure.seconds)} ({bounds})"


def _assessment(a: Assessment) -> str:
    detail = f": {a.detail}" if a.detail else ""
    return f"  {_MARKS[a.status]:<7} {a.name}: {a.observed} (required: {a.required}){detail}"
