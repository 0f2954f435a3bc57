"""What is told beside requests and the workload, as it is written down: alerts, people, activities."""

from __future__ import annotations

from flowdrill.engine.facts import (
    AckTold,
    ActivityBegan,
    ActivityOver,
    AlertGone,
    AlertSeen,
    InjectTold,
    SourceTold,
)
from flowdrill.model.events import (
    Acknowledged,
    ActivityEnded,
    ActivityStarted,
    AlertEnded,
    AlertStageSeen,
    Event,
    Injected,
    SourceChanged,
)

Told = AlertSeen | AlertGone | SourceTold | AckTold | InjectTold | ActivityBegan | ActivityOver


def event_of(told: Told) -> Event:
    """Return the event that a fact is recorded as."""
    at_ns = told.arrived_ns
    match told:
        case AlertSeen(alert=alert, stage=stage, instant=instant, says=says):
            return AlertStageSeen(at_ns=at_ns, alert=alert, stage=stage, instant=instant, says=says)
        case AlertGone(alert=alert, stage=stage, says=says, why=why):
            return AlertEnded(at_ns=at_ns, alert=alert, stage=stage, says=says, why=why)
        case SourceTold(source=source, problem=problem):
            return SourceChanged(at_ns=at_ns, source=source, problem=problem)
        case AckTold(instant=instant, by=by, how=how):
            return Acknowledged(at_ns=at_ns, instant=instant, by=by, how=how)
        case InjectTold(text=text, by=by):
            return Injected(at_ns=at_ns, text=text, by=by)
        case ActivityBegan(slot=slot, instant=instant):
            return ActivityStarted(at_ns=at_ns, place=slot.place, name=slot.name, instant=instant)
        case ActivityOver(slot=slot, instant=instant, end=end, tolerance_met=met, says=says):
            return ActivityEnded(
                at_ns=at_ns, place=slot.place, name=slot.name, instant=instant, end=end, tolerance_met=met, says=says
            )
