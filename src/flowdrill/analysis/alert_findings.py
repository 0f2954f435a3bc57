"""Whether each alert that must fire did, for the right reason, and got to people. Not seen is not "did not fire"."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.analysis.alert_story import AlertStory, last_stage, sources_lost, story_of
from flowdrill.analysis.alert_words import metrics_required
from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.run_clock import last_seen_ns
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.events import AlertEnded, Checked, Decided, Detected, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Detector
from flowdrill.model.status import Status

_REACHED = {
    AlertStage.SAMPLED: "its expression held",
    AlertStage.PENDING: "it was pending",
    AlertStage.FIRING: "it fired",
    AlertStage.RECEIVED: "Alertmanager had it",
    AlertStage.NOTIFIED: "its notification was delivered",
}
_NEXT = {
    AlertStage.PENDING: "the rule is evaluated at intervals of its own, and over a window of its own",
    AlertStage.FIRING: "it was pending only: its `for` is longer",
    AlertStage.RECEIVED: "see `alerting:` in Prometheus' configuration, and relabelling there",
    AlertStage.NOTIFIED: "see Alertmanager's route and its receiver for the drill's webhook, and `group_wait`",
}


@dataclass(frozen=True, slots=True)
class _Finding:
    status: Status
    observed: str
    detail: str = ""


def judge_alerts(record: RunRecord, timeline: Timeline) -> tuple[Assessment, ...]:
    """Return one check for each alert that must fire, for a run that broke something and saw it through."""
    last = last_stage(record.drill.detect)
    judged = []
    for name in record.drill.detect.alerts:
        found = _finding(record, timeline, story_of(record, timeline, name), last)
        judged.append(
            Assessment(
                name="alert_fired",
                status=found.status,
                required=f"{name} fires{_beyond(last)}, and for this failure",
                observed=found.observed,
                detail=found.detail,
            )
        )
    return tuple(judged)


def _finding(record: RunRecord, timeline: Timeline, story: AlertStory, last: AlertStage) -> _Finding:
    told = story.at(last)
    kept = story.ended(AlertEnd.SILENCED, AlertEnd.INHIBITED)
    if _before_the_failure(record, timeline, story):
        return _Finding(Status.FAIL, "it fired before the failure could be seen", "it fired for another reason")
    if kept is not None and not _told_before(record, story, kept, last):
        return _Finding(Status.FAIL, f"it fired, and people were not told: {kept.says}", "what fires must reach people")
    if told is not None:
        after = timeline.time_to_detect_of_instant(told)
        when = f", {format_seconds(ns_to_seconds(after.estimate_ns))} after the failure began" if after else ""
        return _Finding(Status.PASS, f"{_REACHED[last]}{when}")
    return _not_told(record, timeline, story, last)


def _told_before(record: RunRecord, story: AlertStory, kept: AlertEnded, last: AlertStage) -> bool:
    """Whether people knew of it when it was kept back: then a silence is their answer. One that came to Alertmanager
    silenced has reached it, too, and detected nothing."""
    if last is not AlertStage.RECEIVED:
        return story.at(last) is not None
    return any(one.detector == story.alert and one.at_ns < kept.at_ns for one in record.all_of(Detected))


def _not_told(record: RunRecord, timeline: Timeline, story: AlertStory, last: AlertStage) -> _Finding:
    """It did not get to the last stage: why, and whether it had its chance."""
    reached = story.stages[-1].stage if story.stages else None
    observed = f"{_REACHED[reached]}, and no more" if reached is not None else "it did not fire"
    other = story.ended(AlertEnd.OTHER_LABELS)
    if other is not None:
        return _Finding(Status.FAIL, other.says, "it fired for another reason than the one that the drill wants")
    lost = sources_lost(record, timeline)
    if lost:
        return _Finding(Status.UNKNOWN, f"{observed}, as far as was seen", f"it may have: {'; '.join(lost)}")
    if _resolved_too_soon(record, story):
        return _Finding(Status.FAIL, "it resolved before it was sent", "the failure was still on")
    failed = story.ended(AlertEnd.RULE_FAILED)
    if failed is not None:
        return _Finding(Status.FAIL, observed, failed.says)
    if not _lasted(record, timeline):
        by = next((one.detector for one in record.all_of(Detected) if one.triggers), None)
        why = (
            f"{by} triggered the rollback before it could: `detect.trigger` says who triggers"
            if by is not None
            else "the failure was over before it could"
        )
        return _Finding(Status.UNKNOWN, observed, why)
    return _Finding(Status.FAIL, observed, _why_not(record, story, reached, last))


def _resolved_too_soon(record: RunRecord, story: AlertStory) -> bool:
    """Whether it had fired and no longer did while nothing had been done about the failure."""
    fired = (one for one in story.ends if one.why is AlertEnd.RESOLVED and one.stage is not AlertStage.PENDING)
    resolved, rollback = next(fired, None), image_set(record, Purpose.ROLL_BACK)
    return resolved is not None and (rollback is None or resolved.at_ns < rollback.instant.earliest_ns)


def _why_not(record: RunRecord, story: AlertStory, reached: AlertStage | None, last: AlertStage) -> str:
    limit = format_seconds(record.drill.detect_limit_seconds)
    if reached is None or reached is AlertStage.SAMPLED:
        missing = next(
            (
                event.check.observed
                for event in record.all_of(Checked)
                if event.check.status is Status.WARNING and event.check.required == metrics_required(story.alert)
            ),
            None,
        )
        if missing is not None:
            return f"a metric of its expression had no series: {missing}"
    if reached is None:
        return f"its expression was never true in {limit} of the failure"
    stages = list(AlertStage)
    return _NEXT[stages[min(stages.index(reached) + 1, stages.index(last))]]


def _before_the_failure(record: RunRecord, timeline: Timeline, story: AlertStory) -> bool:
    """Whether it fired before the cluster, or a user, could show the failure."""
    began = story.at(AlertStage.FIRING) or story.at(AlertStage.RECEIVED)  # being pending tells nobody anything
    shown = [one.instant for one in record.all_of(Detected) if one.detector == Detector.KUBERNETES]
    visible: list[Instant] = [*shown[:1], *((timeline.impact,) if timeline.impact is not None else ())]
    return began is not None and bool(visible) and began.latest_ns < min(one.earliest_ns for one in visible)


def _lasted(record: RunRecord, timeline: Timeline) -> bool:
    """Whether the failure was left alone for as long as its detection may take."""
    if timeline.broken is None:
        return False
    decided = record.first(Decided)
    until_ns = decided.instant.earliest_ns if decided is not None else last_seen_ns(record)
    return until_ns - timeline.broken.latest_ns >= seconds_to_ns(record.drill.detect_limit_seconds)


def _beyond(last: AlertStage) -> str:
    return {
        AlertStage.RECEIVED: ", gets to Alertmanager",
        AlertStage.NOTIFIED: ", gets to Alertmanager, is delivered",
    }.get(last, "")
