"""From measures to a verdict: objectives, checks, and the reasons in words. Not knowing is never a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdrill.analysis.alert_findings import judge_alerts
from flowdrill.analysis.candidate import SERVES, candidate_checks, judge_candidate_objectives
from flowdrill.analysis.cut_off import cut_off_sentence
from flowdrill.analysis.load_by_workers import load_checks, load_sent
from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.objectives import judge_objectives
from flowdrill.analysis.obstacles import brake_held, in_the_way
from flowdrill.analysis.symptoms import REASONS_OF
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import Check, Checked, Detected, End, Purpose, RecoveryHeld, RolledBack, RunEnded
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.load_workers import LoadByWorkers
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Assessment, Requests, Verdict
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Symptom
from flowdrill.model.status import Status

_LAG_ALLOWED_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict with what it rests on."""

    verdict: Verdict
    reasons: tuple[str, ...]
    objectives: tuple[Assessment, ...]
    checks: tuple[Assessment, ...]


def judge(record: RunRecord, timeline: Timeline, requests: Requests, load: LoadByWorkers | None = None) -> Judgement:
    """Return the verdict on a run; `load`: what is known of the workers that sent its load, where some did."""
    ended = record.first(RunEnded)
    completed = ended is not None and ended.end is End.COMPLETED
    objectives = _objectives(record, timeline, requests, completed=completed)
    checks = _checks(record, timeline, requests, load, completed=completed)
    silent = timeline.broken is not None and requests.failed_ratio is None
    cut_off = cut_off_sentence(record, requests.good + requests.bad)
    verdict, reasons = _verdict(record, objectives, checks, silent=silent, cut_off=cut_off)
    return Judgement(verdict, reasons, objectives, checks)


def _objectives(
    record: RunRecord, timeline: Timeline, requests: Requests, *, completed: bool
) -> tuple[Assessment, ...]:
    if record.scenario.is_candidate:
        return judge_candidate_objectives(record, timeline, requests, completed=completed)
    return () if is_control(record) else judge_objectives(record, timeline, requests, completed=completed)


def _verdict(
    record: RunRecord,
    objectives: tuple[Assessment, ...],
    checks: tuple[Assessment, ...],
    *,
    silent: bool,
    cut_off: str | None,
) -> tuple[Verdict, tuple[str, ...]]:
    ended = record.first(RunEnded)
    judged = objectives + checks
    failed = tuple(_reason(a) for a in sorted(judged, key=_telling) if a.status is Status.FAIL)
    unknown = tuple(_reason(a) for a in judged if a.status is Status.UNKNOWN)
    if ended is None or cut_off is not None:
        return Verdict.INCONCLUSIVE, (*([] if cut_off is None else [cut_off]), *failed)
    if ended.end is End.REFUSED:
        open_ = tuple(_reason(check) for check in checks if check.status is Status.UNKNOWN)
        return (Verdict.FAIL, failed) if failed else (Verdict.INCONCLUSIVE, (ended.why, *open_))
    if is_control(record) and ended.end is End.NOT_BROKEN and not silent:
        return _verdict_on_a_control(ended, failed, unknown)
    if ended.end is not End.COMPLETED:
        return Verdict.INCONCLUSIVE, (f"{ended.end.value}: {ended.why}", *failed)
    if silent:
        return Verdict.INCONCLUSIVE, ("no traffic: no request's fate became known after the break", *failed)
    if failed:
        return Verdict.FAIL, failed + unknown
    if unknown:
        return Verdict.INCONCLUSIVE, unknown
    warned = sum(check.status is Status.WARNING for check in checks)
    also = f", {warned} warn" if warned else ""
    passed = f"{len(objectives)} of {len(objectives)} objectives met, {len(checks) - warned} checks passed{also}"
    return Verdict.PASS, (passed,)


def judge_checks(
    checks: Sequence[Check], problem: str | None, *, strict: bool = False
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict on checks alone, and what does not hold; `problem` is why nothing more was looked at. With
    `strict` a warning counts as a failure."""
    counts = (Status.FAIL, Status.WARNING) if strict else (Status.FAIL,)
    failed = tuple(_reason(assessed(check)) for status in counts for check in checks if check.status is status)
    unknown = tuple(_reason(assessed(check)) for check in checks if check.status is Status.UNKNOWN)
    if failed:
        return Verdict.FAIL, (*failed, *(() if problem is None else (problem,)), *unknown)
    if problem is not None:
        return Verdict.INCONCLUSIVE, (problem, *unknown)
    return (Verdict.INCONCLUSIVE, unknown) if unknown else (Verdict.PASS, ())


def assessed(check: Check) -> Assessment:
    """Return a check as results have it."""
    return Assessment(
        name=check.name, status=check.status, required=check.required, observed=check.observed, detail=check.detail
    )


def _telling(assessment: Assessment) -> bool:
    """Sorts what explains the rest to the front, and leaves the order of the others."""
    return assessment.name not in (SERVES, "brake_held", "rollback_helped")


def is_control(record: RunRecord) -> bool:
    """Whether the drill's release is harmless: then nothing may be noticed, and no time is to be measured."""
    return record.scenario.symptom is Symptom.NOTHING


def _verdict_on_a_control(
    ended: RunEnded, failed: tuple[str, ...], unknown: tuple[str, ...]
) -> tuple[Verdict, tuple[str, ...]]:
    if failed:
        return Verdict.FAIL, failed + unknown
    return (Verdict.INCONCLUSIVE, unknown) if unknown else (Verdict.PASS, (ended.why,))


def _reason(assessment: Assessment) -> str:
    detail = f": {assessment.detail}" if assessment.detail else ""
    return f"{assessment.name}: {assessment.observed} (required: {assessment.required}){detail}"


def _checks(
    record: RunRecord, timeline: Timeline, requests: Requests, load: LoadByWorkers | None, *, completed: bool
) -> tuple[Assessment, ...]:
    """The checks the run made, then those that only the record as a whole shows."""
    checks = [assessed(event.check) for event in record.all_of(Checked)]
    if completed:
        checks += _completion(record, timeline, requests)
        checks += () if is_control(record) else judge_alerts(record, timeline)
    if requests.schedule_lag_p99_seconds is not None and image_set(record, Purpose.BREAK):
        each = record.drill.load.requests_per_second / (record.drill.load.workers or 1)
        checks.append(_load_on_schedule(each, requests.schedule_lag_p99_seconds))
    if load is not None and image_set(record, Purpose.BREAK):
        checks += [load_sent(load, requests.total), *load_checks(load)]
    return tuple(checks)


def _completion(record: RunRecord, timeline: Timeline, requests: Requests) -> list[Assessment]:
    """The drill was one, and the brake worked: whatever the objectives leave out, these must have happened."""
    drill = record.drill
    rolled_back, triggered = record.first(RolledBack), timeline.triggered
    took_seconds = (
        ns_to_seconds(rolled_back.instant.latest_ns - triggered.earliest_ns) if rolled_back and triggered else None
    )
    words = record.all_of(Detected)
    detected = any(event.detector == HUMAN if drill.by_people else event.triggers for event in words)
    held = record.first(RecoveryHeld) is not None
    within = took_seconds is not None and took_seconds <= drill.rollback.limit
    limit = format_seconds(drill.rollback.limit)
    told = (brake_held(record), _rollback_helped(record, timeline, requests))
    noticed = [
        _symptom_seen(record, timeline, requests),
        _happened(
            "failure_detected",
            f"{'people notice' if drill.by_people else 'noticed'} within {format_seconds(drill.detect_limit_seconds)}",
            detected,
        ),
    ]
    return [
        *(candidate_checks(record, timeline, requests) if record.scenario.is_candidate else noticed),
        _happened(
            "rollback_completed",
            f"every replica on the stable digest within {limit}",
            within,
            None if took_seconds is None else f"after {format_seconds(took_seconds)}",
        ),
        _happened("recovery_held", f"users served again for {format_seconds(drill.hold)} on end", held),
        *(one for one in told if one is not None),
    ]


def _rollback_helped(record: RunRecord, timeline: Timeline, requests: Requests) -> Assessment | None:
    """A rollback that is complete, and users that are still not served: the fault is not in the release's template."""
    rolled_back, held = record.first(RolledBack), record.first(RecoveryHeld) is not None
    expected = record.scenario.rollback_helps
    ratio = requests.failed_ratio_after_rollback
    required = "users are served again once every replica runs the stable image"
    if in_the_way(record) and rolled_back is None:
        return None  # what was in the way is why: it says nothing about the release
    if timeline.impact is not None and rolled_back is None and not held and not expected:
        detail = "rollback does not help: the stable image does not get to run on what the release left behind"
        observed = "the rollback did not complete"
        return Assessment(
            name="rollback_helped", status=Status.FAIL, required=required, observed=observed, detail=detail
        )
    if timeline.impact is None or rolled_back is None or (held and expected) or (not held and not ratio):
        return None
    if held:
        observed, status = "they were", Status.UNKNOWN
        detail = "the scenario says that a rollback does not help against it: it was another failure that was drilled"
    else:
        observed, status = f"{format_ratio(ratio or 0.0)} of the requests sent since then failed", Status.FAIL
        detail = "rollback does not help: what fails is not in what a rollback brings back"
    return Assessment(name="rollback_helped", status=status, required=required, observed=observed, detail=detail)


def _happened(name: str, required: str, done: bool, observed: str | None = None) -> Assessment:
    status = Status.PASS if done else Status.FAIL
    return Assessment(name=name, status=status, required=required, observed=observed or ("yes" if done else "no"))


def _symptom_seen(record: RunRecord, timeline: Timeline, requests: Requests) -> Assessment:
    """Users were hit, and by what the scenario is about: else it is another failure that was drilled."""
    if record.scenario.symptom in (Symptom.STALLED_ROLLOUT, Symptom.NOTHING):
        return _nobody_hit(record.scenario.symptom, timeline)
    wanted = REASONS_OF[record.scenario.symptom]
    seen = sum(requests.by_reason.get(reason.name.lower(), 0) for reason in wanted)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in requests.by_reason.items())
    detail = "" if seen else "the failure was another one than the scenario's"
    if timeline.impact is None:
        seen, detail = 0, "no user was hit"
    return Assessment(
        name="symptom_seen",
        status=Status.PASS if seen else Status.UNKNOWN,
        required=f"users meet the scenario's symptom: {record.scenario.symptom.value.replace('-', ' ')}",
        observed=told or "no bad request",
        detail=detail,
    )


def _nobody_hit(symptom: Symptom, timeline: Timeline) -> Assessment:
    stalled = symptom is Symptom.STALLED_ROLLOUT
    if not stalled:
        status, detail = Status.FAIL, "a detector fired at a release without a fault"
    elif timeline.impact is None:
        status, detail = Status.PASS, ""
    else:
        status, detail = Status.UNKNOWN, "the broken release reached users: it was another failure than the scenario's"
    return Assessment(
        name="symptom_seen",
        status=status,
        required="the broken release never gets to users" if stalled else "nothing breaks: the release is harmless",
        observed="users were hit" if timeline.impact is not None else "no user was hit",
        detail=detail,
    )


def _load_on_schedule(requests_per_second: float, lag_seconds: float) -> Assessment:
    allowed = max(_LAG_ALLOWED_SECONDS, 0.5 / requests_per_second)
    on_schedule = lag_seconds <= allowed
    return Assessment(
        name="load_on_schedule",
        status=Status.PASS if on_schedule else Status.UNKNOWN,
        required=f"99 % of requests leave at most {format_seconds(allowed)} late",
        observed=f"99 % left at most {format_seconds(lag_seconds)} late",
        detail="" if on_schedule else "the load itself could not keep up: its numbers are not the users'",
    )
