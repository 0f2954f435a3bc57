"""Who noticed, and when: the detectors side by side, in words."""

from __future__ import annotations

from flowdrill.model.measured import Measure, Moment
from flowdrill.model.noticed import Detection, Signal
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result
from flowdrill.report.words import before_impact


def detection_sentence(result: Result) -> str | None:
    """Return all detectors in one sentence, first the first one; None when nothing was broken."""
    if result.trigger is None:
        return None
    impact = result.instants.impact
    said = [
        f"{one.detector} {_after(one, impact)}{', which triggered the rollback' if one.triggers else ''}"
        for one in result.detections
    ]
    silent = [f"{name} never" for name in result.silent_detectors]
    return f"Noticed by: {'; '.join((*said, *silent))}. To trigger the rollback: {result.trigger}."


def signals_sentence(result: Result) -> str | None:
    """Return what Kubernetes said, each kind with its time since the break; None when it said nothing."""
    if not result.signals:
        return None
    said = [
        f"{one.kind.value}{_since_break(one)}{'' if one.fails else ' (no failure by itself)'}" for one in result.signals
    ]
    return f"Kubernetes said: {', '.join(said)}."


def time_to_detect_words(found: Detection, impact: Moment | None) -> str:
    """Return a detector's time to detect with its bounds; counted from the break where users had not been hit."""
    measure = found.time_to_detect
    if measure is None:
        return "–"
    since = " after the break" if _before(found, impact) else ""
    return f"{format_seconds(measure.seconds)}{since} ({_bounds(measure)})"


def role_words(found: Detection) -> str:
    """Return what a detector's word did."""
    return "triggers the rollback" if found.triggers else "measured only"


def _since_break(signal: Signal) -> str:
    return "" if signal.since_break is None else f" at +{format_seconds(signal.since_break.seconds)}"


def _after(found: Detection, impact: Moment | None) -> str:
    measure = found.time_to_detect
    if measure is None:
        return "before users were hit"
    if measure.seconds < 0:  # by answers, and so it was something else that it saw
        return f"{format_seconds(-measure.seconds)} before users were hit"
    if _before(found, impact):
        return f"{format_seconds(measure.seconds)} after the break{'' if impact is None else ', before users were hit'}"
    return f"after {format_seconds(measure.seconds)}"


def _before(found: Detection, impact: Moment | None) -> bool:
    """Whether its time counts from the break: it does not look at answers, and users had not been hit."""
    return found.newest_outcome is None and before_impact(found.at, impact)


def _bounds(measure: Measure) -> str:
    return f"between {format_seconds(measure.earliest)} and {format_seconds(measure.latest)}"
