"""A drill's objectives held against what was measured. Bounds that straddle an objective leave it unknown."""

from __future__ import annotations

from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.run_clock import last_seen_ns
from flowdrill.model.events import Purpose, RecoveryHeld
from flowdrill.model.instant import Span, ns_to_seconds
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Assessment, Requests
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status


def judge_objectives(
    record: RunRecord, timeline: Timeline, requests: Requests, *, completed: bool
) -> tuple[Assessment, ...]:
    """Return one assessment for each objective that the drill has. `completed`: whether the run had its chance."""
    wanted = record.drill.objectives
    hit = timeline.impact is not None
    spared = timeline.never_hit and record.first(RecoveryHeld) is not None
    restore = image_set(record, Purpose.RESTORE)
    until_ns = restore.instant.earliest_ns if restore else last_seen_ns(record)  # what the restore mends is no recovery
    observed = ns_to_seconds(until_ns - timeline.impact.latest_ns) if timeline.impact else 0.0
    judged = []
    for name, allowed, span, limit, why in _times(record, timeline, observed):
        if allowed is None:
            continue
        if span is not None:
            judged.append(_time(name, allowed, span))
        elif spared and name == "time_to_recover":
            judged.append(_spared(name, allowed))
        else:
            failed = hit or (timeline.never_hit and name in ("time_to_acknowledge", "time_to_act"))
            judged.append(_missing_time(name, allowed, limit, why, completed=completed, hit=failed))
    if wanted.failed_requests_ratio is not None:
        judged.append(_failed_ratio(wanted.failed_requests_ratio, requests.failed_ratio, completed=completed))
    return tuple(one.model_copy(update={"limit": getattr(wanted, one.name)}) for one in judged)


def _times(
    record: RunRecord, timeline: Timeline, observed_seconds: float
) -> tuple[tuple[str, float | None, Span | None, float, str], ...]:
    """The objectives on times: name, what is allowed, what was measured, and where that is nothing, how long it took at
    least (0: nobody can say) and why."""
    wanted, drill = record.drill.objectives, record.drill
    noticing, recovering, never = drill.detect_limit_seconds, drill.rollback.limit, "never recovered"
    return (
        ("time_to_detect", wanted.time_to_detect, timeline.time_to_detect, noticing, "never detected"),
        (
            "time_to_acknowledge",
            wanted.time_to_acknowledge,
            timeline.time_to_acknowledge,
            observed_seconds,
            "nobody acknowledged",
        ),
        ("time_to_act", wanted.time_to_act, timeline.time_to_act, 0.0, _why_not_acted(timeline)),
        ("time_to_recover", wanted.time_to_recover, timeline.time_to_recover, recovering, never),
        ("outage", wanted.outage, timeline.outage, observed_seconds, never),
    )


def _time(name: str, allowed_seconds: float, span: Span) -> Assessment:
    shortest, estimate, longest = (ns_to_seconds(ns) for ns in (span.shortest_ns, span.estimate_ns, span.longest_ns))
    if longest < 0:
        status, detail = Status.UNKNOWN, "it came before users were hit: it was not this failure that was seen"
    elif longest <= allowed_seconds:
        status, detail = Status.PASS, ""
    elif shortest > allowed_seconds:
        status, detail = Status.FAIL, f"{format_seconds(estimate - allowed_seconds)} longer than allowed"
    else:
        status, detail = Status.UNKNOWN, "the bounds straddle the objective"
    observed = f"{format_seconds(estimate)} (between {format_seconds(shortest)} and {format_seconds(longest)})"
    return Assessment(
        name=name, status=status, required=_at_most(format_seconds(allowed_seconds)), observed=observed, detail=detail
    )


def _why_not_acted(timeline: Timeline) -> str:
    if not timeline.by_people:
        return "nobody acted: the drill took over"
    return "they acted, and nobody had acknowledged before"


def _spared(name: str, allowed_seconds: float) -> Assessment:
    required = _at_most(format_seconds(allowed_seconds))
    return Assessment(name=name, status=Status.PASS, required=required, observed="no user was ever hit")


def _missing_time(
    name: str, allowed_seconds: float, limit_seconds: float, why: str, *, completed: bool, hit: bool
) -> Assessment:
    """A measure that is not there fails, once the run had its chance to make it."""
    required = _at_most(format_seconds(allowed_seconds))
    if completed and hit:
        observed = f"> {format_seconds(limit_seconds)}" if limit_seconds else "not measured"
        status, detail = Status.FAIL, why
    else:
        detail = "no failure was seen" if completed else "the run did not get that far"
        observed, status = "not measured", Status.UNKNOWN
    return Assessment(name=name, status=status, required=required, observed=observed, detail=detail)


def _failed_ratio(allowed: float, ratio: float | None, *, completed: bool) -> Assessment:
    name, required = "failed_requests_ratio", _at_most(format_ratio(allowed))
    if ratio is None or not completed:
        observed = "not measured" if ratio is None else f"{format_ratio(ratio)} so far"
        detail = "" if completed else "the run did not get that far"
        return Assessment(name=name, status=Status.UNKNOWN, required=required, observed=observed, detail=detail)
    status, detail = Status.PASS, ""
    if ratio > allowed:
        status, detail = Status.FAIL, f"{(ratio - allowed) * 100:.3g} percentage points more than allowed"
    return Assessment(name=name, status=status, required=required, observed=format_ratio(ratio), detail=detail)


def _at_most(text: str) -> str:
    return f"at most {text}"
