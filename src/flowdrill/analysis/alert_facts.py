"""The alerts of a run as its result has them."""

from __future__ import annotations

from flowdrill.analysis.alert_story import AlertStory, last_stage, story_of
from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.run_clock import RunClock, measure_of
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.noticed import AlertFact, AlertStageFact
from flowdrill.model.run_record import RunRecord

_MOST_TOLD = 10


def alert_facts(record: RunRecord, timeline: Timeline, clock: RunClock) -> tuple[AlertFact, ...]:
    """Return each alert that had to fire, in the order of the drill, with the stages it reached after the break."""
    facts = []
    for name in record.drill.detect.alerts:
        story = story_of(record, timeline, name)
        told = tuple(dict.fromkeys(one.says for one in story.ends))[:_MOST_TOLD]
        stages = _stages(story, timeline, clock)
        facts.append(AlertFact(alert=name, stages=stages, detects_at=last_stage(record.drill.detect), told=told))
    return tuple(facts)


def _stages(story: AlertStory, timeline: Timeline, clock: RunClock) -> tuple[AlertStageFact, ...]:
    """The estimates are in the order of the stages as far as the bounds leave it open. The bounds are left as they are:
    of a pair of Prometheus servers, the other one may have sent the alert first."""
    stages, estimate_ns = [], 0
    for number, one in enumerate(story.stages):
        instant = one.instant
        by_ns = min(later.instant.latest_ns for later in story.stages[number:])
        estimate_ns = max(instant.earliest_ns, min(max(instant.middle_ns, estimate_ns), by_ns))
        moved_seconds = ns_to_seconds(estimate_ns - instant.middle_ns)
        at, since = clock.moment(instant), measure_of(timeline.time_to_detect_of_instant(instant))
        if moved_seconds:
            at = at.model_copy(update={"seconds": clock.seconds(estimate_ns), "utc": clock.utc(estimate_ns)})
            since = since and since.model_copy(update={"seconds": since.seconds + moved_seconds})
        stages.append(AlertStageFact(stage=one.stage, at=at, since_impact=since))
    return tuple(stages)
