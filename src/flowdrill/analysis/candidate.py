"""Judging a candidate: it must serve as the stable version did, and the way back from it must hold. Nothing need be
wrong with it, so nobody waits for a detector: it is rolled back when every replica has served for `detect.limit`."""

from __future__ import annotations

from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.objectives import judge_objectives
from flowdrill.analysis.rollout import is_rolled_out
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import Decided, Detected, Purpose, WorkloadSeen
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment, Requests
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status

SERVES, SERVED_BACK = "candidate_serves", "users_served_on_the_way_back"
_OF_THE_WAY_BACK = ("time_to_recover", "outage", "failed_requests_ratio")


def judge_candidate_objectives(
    record: RunRecord, timeline: Timeline, requests: Requests, *, completed: bool
) -> tuple[Assessment, ...]:
    """Return the drill's objectives on the way back; those on noticing say nothing of a release that is meant."""
    judged = judge_objectives(record, timeline, requests, completed=completed)
    return tuple(one for one in judged if one.name in _OF_THE_WAY_BACK)


def candidate_checks(record: RunRecord, timeline: Timeline, requests: Requests) -> list[Assessment]:
    """Return whether it served, and whether users were served while it was rolled back; the latter says nothing where
    they were not served before."""
    serves = _serves(record, timeline, requests)
    if timeline.triggered is None or serves.status is not Status.PASS:
        return [serves]
    hit = timeline.impact is not None
    back = Assessment(
        name=SERVED_BACK,
        status=Status.FAIL if hit else Status.PASS,
        required="no user is hit while the candidate is rolled back",
        observed=f"users were hit: {_bad(requests)}" if hit else "no user was hit",
    )
    return [serves, back]


def _serves(record: RunRecord, timeline: Timeline, requests: Requests) -> Assessment:
    triggered = timeline.triggered
    words = [
        one
        for one in record.all_of(Detected)
        if one.detector != HUMAN and (triggered is None or one.instant.earliest_ns < triggered.earliest_ns)
    ]
    hit = timeline.impact is not None and (triggered is None or timeline.impact.earliest_ns < triggered.earliest_ns)
    told = [f"{one.detector} fired" + (f" ({one.says})" if one.says else "") for one in words]
    told += [f"users were hit: {_bad(requests)}"] if hit else []
    served, limit = _served_ns(record), record.drill.detect.limit
    enough = served is not None and served >= seconds_to_ns(limit)
    return Assessment(
        name=SERVES,
        status=Status.FAIL if told else Status.PASS if enough else Status.UNKNOWN,
        required=f"the candidate serves for {format_seconds(limit)}: no detector fires, and no user is hit",
        observed="; ".join(told) or _served_words(served, enough=enough),
    )


def _served_ns(record: RunRecord) -> int | None:
    """How long every replica had the candidate until it was decided to roll back; None when that never was."""
    released, decided = image_set(record, Purpose.BREAK), record.first(Decided)
    if released is None or decided is None:
        return None
    seen = (one for one in record.all_of(WorkloadSeen) if released.instant.earliest_ns <= one.at_ns <= decided.at_ns)
    first = next((one.at_ns for one in seen if is_rolled_out(one.snapshot, released.image)), None)
    return None if first is None else decided.instant.earliest_ns - first


def _served_words(served_ns: int | None, *, enough: bool) -> str:
    if served_ns is None:
        return "it was never on every replica"
    seconds = format_seconds(ns_to_seconds(served_ns))
    return f"served for {seconds} on every replica{' as the stable version did' if enough else ''}"


def _bad(requests: Requests) -> str:
    reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in requests.by_reason.items())
    return reasons or "not one bad request"
