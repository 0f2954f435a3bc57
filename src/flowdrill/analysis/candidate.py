"""Judging a candidate: it must serve as the stable version did, and the way back from it must hold. Nothing need be
wrong with it, so nobody waits for a detector: it is rolled back when every replica has served for `detect.limit`."""

from __future__ import annotations

from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.objectives import judge_objectives
from flowdrill.analysis.rollout import is_rolled_out
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import BaselineHeld, Decided, Detected, Purpose, WorkloadSeen
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
    return tuple(_served_before(one, timeline) for one in judged if one.name in _OF_THE_WAY_BACK)


def _served_before(objective: Assessment, timeline: Timeline) -> Assessment:
    """Users who were hit and served again before the way back began have nothing to recover from on it."""
    recover = timeline.time_to_recover
    if objective.name != "time_to_recover" or recover is None or recover.longest_ns >= 0:
        return objective
    said = "users were served again before the rollback began"
    return objective.model_copy(update={"status": Status.PASS, "observed": said, "detail": ""})


def candidate_checks(record: RunRecord, timeline: Timeline, requests: Requests) -> list[Assessment]:
    """Return whether it served, and whether users were served while it was rolled back; the latter says nothing where
    they were not served before."""
    serves = _serves(record, timeline, requests)
    if timeline.triggered is None or serves.status is not Status.PASS:
        return [serves]
    hit = timeline.impact is not None
    told = Status.WARNING if _is_normal(record, requests) else Status.FAIL
    back = Assessment(
        name=SERVED_BACK,
        status=told if hit else Status.PASS,
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
    few = hit and not words and _is_normal(record, requests)
    told = [f"{one.detector} fired" + (f" ({one.says})" if one.says else "") for one in words]
    told += [f"users were hit: {_bad(requests)}"] if hit else []
    served, limit = _served_ns(record), record.drill.detect.limit
    enough = served is not None and served >= seconds_to_ns(limit)
    return Assessment(
        name=SERVES,
        status=_status(told=bool(told), few=few, enough=enough),
        required=f"the candidate serves for {format_seconds(limit)}: no detector fires, and no user is hit",
        observed="; ".join(told) or _served_words(served, enough=enough),
    )


def _status(*, told: bool, few: bool, enough: bool) -> Status:
    if told and not few:
        return Status.FAIL
    if not enough:
        return Status.UNKNOWN
    return Status.WARNING if few else Status.PASS


def _is_normal(record: RunRecord, requests: Requests) -> bool:
    """Whether no more requests were bad than the detector takes for normal after the baseline: a rollout may lose a
    connection whatever it brings, and one request is no reason to stop a release. It is told all the same."""
    baseline = record.first(BaselineHeld)
    return baseline is not None and requests.bad <= baseline.normal_bad_ratio * requests.total


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
    return f"{reasons}, of {requests.total}" if reasons else "not one bad request"
