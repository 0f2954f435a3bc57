"""What the end of a Chaos Toolkit activity means for the drill. Where an action was not done, the drill did not test
what it says: that is not knowing, and never a pass."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.engine.facts import ActivityOver
from flowdrill.engine.narrator import Narrator
from flowdrill.model.activity import ActivityEnd, ActivityPlace
from flowdrill.model.chaos_plan import ActivityPlan, DuringActivity
from flowdrill.model.status import Status

_SEE = "see chaos/activities.json in the run folder"
_NOT_TESTED = "the drill did not test what it says"
_LEFT = "what it was to clean up may be left behind"


def tell_activity(
    place: ActivityPlace, one: ActivityPlan, over: ActivityOver | None, tell: Narrator, *, background: bool = False
) -> Status:
    """Record the check of an activity that was to run; return whether it holds. One in the `background` may go on until
    the drill ends it."""
    status = _status(place, over)
    if background and over is not None and over.end is ActivityEnd.STOPPED and over.instant is not None:
        status = Status.PASS
    detail = ""
    if status is not Status.PASS:
        why = {ActivityPlace.AFTER: _LEFT, ActivityPlace.STEADY_STATE: ""}.get(place, _NOT_TESTED)
        met = over is not None and over.tolerance_met is not None
        detail = _SEE if met or not why else f"{why}; {_SEE}"
    tell.check(_name(one), status, required=_required(place, one), observed=ended_words(over), detail=detail)
    return status


def tell_not_begun(one: ActivityPlan, tell: Narrator) -> None:
    """Record the check of an activity whose moment did not come before the drill was over."""
    tell.check(
        _name(one),
        Status.UNKNOWN,
        required=_required(ActivityPlace.DURING, one),
        observed="it did not begin: the drill was over before",
        detail=_NOT_TESTED,
    )


def tell_restored(seen: Sequence[tuple[ActivityPlan, ActivityOver | None]], tell: Narrator) -> None:
    """Record whether the steady state holds again."""
    statuses = [_status(ActivityPlace.RESTORED, over) for _, over in seen]
    bad = [f"{one.name}: {ended_words(over)}" for one, over in seen
           if _status(ActivityPlace.RESTORED, over) is not Status.PASS]  # fmt: skip
    worst = next((one for one in (Status.FAIL, Status.UNKNOWN) if one in statuses), Status.PASS)
    tell.check(
        "steady_state_restored",
        worst,
        required="the drill's steady state holds again after the restore",
        observed="; ".join(bad) or f"all {len(seen)} probes hold",
        detail=_SEE if bad else "",
    )


def ended_words(over: ActivityOver | None) -> str:
    """Return what became of an activity, in words."""
    if over is None:
        return "nothing was heard of it within its limit"
    if over.end is not ActivityEnd.DONE:
        return f"{over.end}: {over.says}" if over.says else str(over.end)
    if over.tolerance_met is None:
        return "done"
    return f"its answer is {'within' if over.tolerance_met else 'not within'} its tolerance: {over.says}"


def holds(place: ActivityPlace, over: ActivityOver | None) -> bool:
    """Return whether an activity was done, and its answer is within its tolerance."""
    return _status(place, over) is Status.PASS


def _status(place: ActivityPlace, over: ActivityOver | None) -> Status:
    if over is None or over.end is not ActivityEnd.DONE:
        return Status.FAIL if place is ActivityPlace.AFTER else Status.UNKNOWN
    return Status.FAIL if over.tolerance_met is False else Status.PASS


def _name(one: ActivityPlan) -> str:
    return f"activity_{one.slug}"


def _required(place: ActivityPlace, one: ActivityPlan) -> str:
    does = "is done" if one.tolerance is None else "answers within its tolerance"
    when = f"once {one.at}" if isinstance(one, DuringActivity) else f"as {place}"
    when = {ActivityPlace.BEFORE: "before the break", ActivityPlace.AFTER: "after the restore",
            ActivityPlace.STEADY_STATE: "before the break"}.get(place, when)  # fmt: skip
    return f"{one.type} `{one.name}` ({one.provider.described()}) {does} {when}"
