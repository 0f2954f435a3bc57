"""What became of one alert that must fire, from a recorded run: its stages, and what kept it from people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdrill.analysis.measure import Timeline
from flowdrill.model.alerts import ALERT_SOURCES, AlertEnd, AlertStage
from flowdrill.model.detect_plan import DetectPlan
from flowdrill.model.events import AlertEnded, AlertStageSeen, SourceChanged
from flowdrill.model.instant import Instant
from flowdrill.model.run_record import RunRecord


@dataclass(frozen=True, slots=True)
class AlertStory:
    """The stages that an alert reached after the break, in order, and what else was told of it."""

    alert: str
    stages: tuple[AlertStageSeen, ...]
    ends: tuple[AlertEnded, ...]

    def at(self, stage: AlertStage) -> Instant | None:
        """Return when it reached a stage, or None."""
        return next((one.instant for one in self.stages if one.stage is stage), None)

    def ended(self, *whys: AlertEnd) -> AlertEnded | None:
        """Return the first thing of these kinds that was told against it, or None."""
        return next((one for one in self.ends if one.why in whys), None)


def story_of(record: RunRecord, timeline: Timeline, alert: str) -> AlertStory:
    """Return the story of one alert: of its stages those of the time at which it came farthest."""
    since_ns = timeline.broken.earliest_ns if timeline.broken is not None else 0
    seen = [one for one in record.all_of(AlertStageSeen) if one.alert == alert and one.at_ns >= since_ns]
    ends = tuple(one for one in record.all_of(AlertEnded) if one.alert == alert and one.at_ns >= since_ns)
    by_stage = {stage: [one for one in seen if one.stage is stage] for stage in AlertStage}
    firing = _first(by_stage[AlertStage.FIRING])
    pending = _last_before(by_stage[AlertStage.PENDING], firing)
    sampled = _last_before(by_stage[AlertStage.SAMPLED], pending)
    later = (_first(by_stage[AlertStage.RECEIVED]), _first(by_stage[AlertStage.NOTIFIED]))
    stages = tuple(one for one in (sampled, pending, firing, *later) if one is not None)
    return AlertStory(alert, stages, ends)


def last_stage(plan: DetectPlan) -> AlertStage:
    """Return the last stage that a drill can see: with it the team knows."""
    if plan.alertmanager is None:
        return AlertStage.FIRING
    return AlertStage.NOTIFIED if plan.alertmanager.webhook is not None else AlertStage.RECEIVED


def sources_lost(record: RunRecord, timeline: Timeline) -> tuple[str, ...]:
    """Return why sources of alerts were away at some time since the break: what they would have shown is unknown."""
    away: dict[str, str] = {}
    lost: dict[str, None] = {}
    for one in (told for told in record.all_of(SourceChanged) if told.source in ALERT_SOURCES):
        if timeline.broken is not None and one.at_ns >= timeline.broken.earliest_ns:
            lost |= dict.fromkeys(away.values())
            if one.problem is not None:
                lost[one.problem] = None
        if one.problem is not None:
            away[one.source] = one.problem
        else:
            away.pop(one.source, None)
    return tuple(lost | dict.fromkeys(away.values()))


def _first(seen: Sequence[AlertStageSeen]) -> AlertStageSeen | None:
    return seen[0] if seen else None


def _last_before(seen: Sequence[AlertStageSeen], later: AlertStageSeen | None) -> AlertStageSeen | None:
    """The last one that can have come before `later`; the first one where nothing came later."""
    if later is None:
        return _first(seen)
    before = [one for one in seen if one.instant.earliest_ns <= later.instant.latest_ns]
    return before[-1] if before else None
