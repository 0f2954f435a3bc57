"""Judging a candidate: it must serve as the stable version did, and the way back from it must hold. Nothing need be
wrong with it, so nobody waits for a detector: it is rolled back when it has served for `detect.limit`."""

from __future__ import annotations

from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.objectives import judge_objectives
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import Detected
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
    served = f"served for {format_seconds(record.drill.detect.limit)} as the stable version did"
    return Assessment(
        name=SERVES,
        status=Status.FAIL if told else Status.PASS,
        required="the candidate serves: no detector fires, and no user is hit",
        observed="; ".join(told) or served,
    )


def _bad(requests: Requests) -> str:
    reasons = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in requests.by_reason.items())
    return reasons or "not one bad request"
