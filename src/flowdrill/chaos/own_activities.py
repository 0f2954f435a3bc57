"""The activities that a drill itself lists, where an experiment carries it out: chaoslib plays them. A drill says what
it tests, so an experiment that leaves them out is none of that drill's, and what came of them counts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from chaoslib.hypothesis import within_tolerance

from flowdrill.edges.terminal.lines import visible
from flowdrill.engine.activity_checks import tell_activity
from flowdrill.engine.facts import ActivityOver
from flowdrill.engine.narrator import Narrator
from flowdrill.errors import PlanError
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ActivityPlan, ChaosPlan
from flowdrill.model.instant import Instant
from flowdrill.model.status import Status

_IN_METHOD = (ActivityPlace.BEFORE, ActivityPlace.DURING)
_log = logging.getLogger("chaostoolkit")
Json = dict[str, Any]


def refuse_missing(plan: ChaosPlan, experiment: Json) -> None:
    """PlanError when the experiment has not every activity of the drill, where it belongs, as the drill has it."""
    lists = {
        ActivityPlace.STEADY_STATE: (experiment.get("steady-state-hypothesis") or {}).get("probes"),
        ActivityPlace.AFTER: experiment.get("rollbacks"),
    }
    for place, one in plan.activities:
        there = lists.get(place, experiment.get("method")) or ()
        if not any(_is(one, activity) for activity in there):
            raise PlanError(
                f"the experiment has not the drill's activity {one.name!r} ({place}) as the drill has it",
                "`flowdrill export DRILL.yaml --chaostoolkit` writes the experiment of a drill",
            )


class OwnActivities:
    """Those of one drill, while its experiment plays them."""

    def __init__(self, plan: ChaosPlan) -> None:
        self._plan = plan
        self._told: set[ActivitySlot] = set()

    def take(self, activity: Json, run: Json, given: tuple[Json, Json], at: Instant, tell: Narrator) -> str | None:
        """Record the check of one of the method's that has just been played; `given`: the experiment's configuration
        and secrets. Return why nothing may be broken, where one that comes before the break does not hold."""
        for place, one in self._plan.activities:
            slot = ActivitySlot(place, one.name)
            if place not in _IN_METHOD or slot in self._told or not _is(one, activity):
                continue
            self._told.add(slot)
            over = _over(slot, one, run, given, at)
            if tell_activity(place, one, over, tell) is not Status.PASS and place is ActivityPlace.BEFORE:
                return f"before: {one.name}: it does not hold; nothing was broken"
        return None

    def not_done(self, journal: Json) -> tuple[str, ...]:
        """Return which of them the experiment has not played to their end, a line each."""
        return tuple(
            f"{place}: {visible(one.name)}: {why}"
            for place, one in self._plan.activities
            if (why := _not_done(one, list(_played(journal, place)))) is not None
        )


def _over(slot: ActivitySlot, one: ActivityPlan, run: Json, given: tuple[Json, Json], at: Instant) -> ActivityOver:
    met, says = None, ""
    end = ActivityEnd.DONE if run.get("status") == "succeeded" else ActivityEnd.FAILED
    if end is ActivityEnd.DONE and one.tolerance is not None:
        try:
            met = bool(within_tolerance(one.tolerance, run.get("output"), configuration=given[0], secrets=given[1]))
        except Exception as error:  # noqa: BLE001 - an answer that cannot be compared is no answer
            _log.debug("its answer cannot be compared", exc_info=True)
            end, says = ActivityEnd.FAILED, f"its answer cannot be compared: {type(error).__name__}"
    return ActivityOver(at.latest_ns, slot, at, end, met, says or ("see chaos/journal.json" if met is not None else ""))


def _not_done(one: ActivityPlan, played: list[Json]) -> str | None:
    runs = [run for run in played if _is(one, run.get("activity") or {})]
    if not runs:
        return "it was not played"
    return None if all(run.get("status") == "succeeded" for run in runs) else "it failed"


def _played(journal: Json, place: ActivityPlace) -> Iterator[Json]:
    if place is ActivityPlace.STEADY_STATE:
        for state in (journal["steady_states"].get(when) for when in ("before", "after")):
            yield from (state or {}).get("probes") or ()
    else:
        yield from journal.get("rollbacks" if place is ActivityPlace.AFTER else "run") or ()


def _is(one: ActivityPlan, activity: Mapping[str, Any]) -> bool:
    """Whether an experiment's activity is a drill's, whichever of its defaults are written out."""
    told = {name: activity.get(name) for name in ("name", "type", "tolerance")}
    if told != {"name": one.name, "type": one.type, "tolerance": one.tolerance}:
        return False
    try:
        return type(one.provider).model_validate_json(json.dumps(activity.get("provider"))) == one.provider
    except (TypeError, ValueError):
        return False
