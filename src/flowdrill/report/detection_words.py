"""Who noticed, and when: the detectors side by side, in words."""

from __future__ import annotations

from flowdrill.model.measured import Measure
from flowdrill.model.noticed import Detection, Signal
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result


def detection_sentence(result: Result) -> str | None:
    """Return all detectors in one sentence, first the first one; None when nothing was broken."""
    if result.trigger is None:
        return None
    said = [
        f"{one.detector} {_after(one)}{', which triggered the rollback' if one.triggers else ''}"
        for one in (result.detections)
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


def time_to_detect_words(found: Detection) -> str:
    """Return a detector's time to detect with its bounds."""
    measure = found.time_to_detect
    return "–" if measure is None else f"{format_seconds(measure.seconds)} ({_bounds(measure)})"


def role_words(found: Detection) -> str:
    """Return what a detector's word did."""
    return "triggers the rollback" if found.triggers else "measured only"


def _since_break(signal: Signal) -> str:
    return "" if signal.since_break is None else f" at +{format_seconds(signal.since_break.seconds)}"


def _after(found: Detection) -> str:
    measure = found.time_to_detect
    return "before users were hit" if measure is None else f"after {format_seconds(measure.seconds)}"


def _bounds(measure: Measure) -> str:
    return f"between {format_seconds(measure.earliest)} and {format_seconds(measure.latest)}"
