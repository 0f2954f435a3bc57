"""The Chaos Toolkit activities that a drill will run, as its plan shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flowdrill.analysis.planned_writes import HARNESS
from flowdrill.analysis.redaction import redact
from flowdrill.analysis.shown_plan import shown_plan
from flowdrill.model.activity import ActivityPlace
from flowdrill.model.chaos_plan import ActivityPlan, DuringActivity, HttpProvider
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import PlannedActivity, PlannedWrite, System
from flowdrill.model.quantity import format_seconds

_WHEN = {
    ActivityPlace.STEADY_STATE: "before the break, and again after the restore",
    ActivityPlace.BEFORE: "after the baseline, before the break",
    ActivityPlace.AFTER: "after the restore, also when the drill has failed",
}


def planned_activities(drill: Drill) -> tuple[PlannedActivity, ...]:
    """Return the drill's activities, in the order of their places, without secrets."""
    return tuple(
        PlannedActivity(
            name=redact(one.name),
            kind=one.type,
            when=_when(place, one),
            does=_does(one),
            at_most_seconds=drill.chaos.limit_seconds(one),
        )
        for place, one in drill.chaos.activities
    )


def activity_writes(drill: Drill, *places: ActivityPlace) -> Iterator[PlannedWrite]:
    """Return what is run in some places of a drill: on this host, since only there flowdrill knows of it."""
    for place, one in drill.chaos.activities:
        if place in places:
            yield PlannedWrite(
                system=System.HOST, verb="run", what=redact(one.provider.described()), name="", by=HARNESS,
                does=f"Chaos Toolkit {one.type} `{redact(one.name)}`, {_when(place, one)}",
            )  # fmt: skip


def _when(place: ActivityPlace, one: ActivityPlan) -> str:
    if isinstance(one, DuringActivity):
        return f"{format_seconds(one.after)} after {one.at}" if one.after is not None else f"at once when {one.at}"
    return _WHEN[place]


def _does(one: ActivityPlan) -> str:
    provider = one.provider
    arguments = provider.arguments
    shown = shown_plan({"arguments": list(arguments) if isinstance(arguments, tuple) else arguments})["arguments"]
    told = f" {json.dumps(shown, ensure_ascii=False)}" if shown else ""
    headers = ", with headers" if isinstance(provider, HttpProvider) and provider.headers else ""
    return redact(f"{provider.described()}{told}{headers}")
