"""A run's Chaos Toolkit activities, in words and as marks in the pictures."""

from __future__ import annotations

from flowdrill.model.activity import ActivityPlace
from flowdrill.model.measured import Moment
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import ActivityFacts, Result
from flowdrill.report.words import NamedInstant

NOT_UNDONE = "What they did is in no undo: neither the restore nor the guard takes it back."
_LONGEST_MARK = 28  # characters


def activity_sentences(result: Result) -> tuple[str, ...]:
    """Return one sentence for each activity."""
    return tuple(_sentence(one) for one in result.activities)


def end_words(one: ActivityFacts) -> str:
    """Return what became of an activity."""
    if one.end is None:
        return "cut off with the run"
    told = str(one.end)
    if one.tolerance_met is not None:
        told = "within its tolerance" if one.tolerance_met else "not within its tolerance"
    return f"{told}: {one.says}" if one.says else told


def marked_activities(result: Result) -> tuple[NamedInstant, ...]:
    """Return the begin of every activity beside the drill, as the pictures mark it. Those before the break and after
    the restore are in no picture's time."""
    marked = (one for one in result.activities if one.place is ActivityPlace.DURING)
    return tuple(
        NamedInstant(_short(one.name), f"{one.kind} {one.does}: {end_words(one)}", _point(one.began))
        for one in marked
        if one.began is not None
    )


def _sentence(one: ActivityFacts) -> str:
    when = "did not begin" if one.began is None else f"{format_seconds(one.began.seconds)} after the run began"
    took = ""
    if one.began is not None and one.ended is not None:
        took = f", {format_seconds(max(one.ended.seconds - one.began.seconds, 0.0))} long"
    does = f" ({one.does})" if one.does else ""
    return f"{one.name}: {one.kind}{does}, {one.place}, {when}{took}: {end_words(one)}."


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_MARK else f"{name[: _LONGEST_MARK - 1]}…"


def _point(moment: Moment) -> Moment:
    """The bounds are in the table; in a picture they would be less than a pixel."""
    return moment.model_copy(update={"earliest": moment.seconds, "latest": moment.seconds})
