"""A drill's steps in order, each with its requests, its limit, and how it is undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowdrill.analysis import planned_writes as writes
from flowdrill.analysis.detecting_limit import detecting_limit_seconds
from flowdrill.analysis.planned_activities import activity_writes
from flowdrill.analysis.planned_writes import Scope
from flowdrill.analysis.worst_case import PROVIDER_START_SECONDS, WARM_UP_SECONDS, restore_seconds
from flowdrill.model.activity import ActivityPlace
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import PlannedWrite, PlanStep
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.scenario import Symptom

_BY_RESTORE = "by the restore, whatever ends the drill"
_BY_CLEANUP = "by the clean-up, whatever ends the drill"
_NOT_UNDONE = "by nobody but the drill's own activities under `after`: what they do is in no undo"
_BEFORE = (ActivityPlace.STEADY_STATE, ActivityPlace.BEFORE)
_AFTER = (ActivityPlace.AFTER, ActivityPlace.STEADY_STATE)
_Writes = Callable[[Scope], Iterator[PlannedWrite]]


def steps_of(scope: Scope) -> tuple[PlanStep, ...]:
    """Return the steps, numbered from 1. Those in which this drill would do nothing are left out."""
    parts = [part for make in (_before_the_break, _from_the_break_on) for part in make(scope)]
    return tuple(step.model_copy(update={"number": number}) for number, step in enumerate(parts, 1))


def stops_of(scope: Scope) -> tuple[str, ...]:
    """Return what ends a drill before it has done everything."""
    drill = scope.drill
    label = "" if scope.embedded else ", or taken the label away that allows drills,"
    cap = format_ratio(drill.baseline.max_bad_ratio)
    return (
        "A check of preflight fails: nothing was changed.",
        f"More than {cap} of the baseline's requests are bad, or may be: nothing was broken.",
        f"Somebody has changed the workload{label} before the break: nothing was broken.",
        "Somebody else deploys during the drill: theirs stays, the drill cleans up its own.",
        f"{_limit_words(drill)}: the rollback begins all the same.",
        f"The rollback is not complete, or does not hold, within {format_seconds(drill.rollback.limit + drill.hold)}: "
        "the restore begins.",
        "Ctrl-C, SIGTERM or SIGHUP, the load generator's end, a full disk, a lost cluster: the restore begins at once.",
    )


def undone_of(scope: Scope) -> tuple[str, ...]:
    """Return how everything is put back, and by whom."""
    silent = format_seconds(scope.drill.guard.lease)
    return (
        f"By the rollback, which is what the drill measures: {scope.responder}.",
        "By flowdrill's restore, which comes whatever ends the drill: a finding, an error, Ctrl-C, the load's end.",
        f"By the guard, a process of its own, when flowdrill dies, hangs, or has lost the cluster for {silent}.",
        f"By hand, also on another machine, from undo.json in the run's folder or from lease/{scope.lease}: both hold "
        "every command, and are written before anything is broken.",
    )


def _limit_words(drill: Drill) -> str:
    limit = format_seconds(drill.detect_limit_seconds)
    return f"Nobody has rolled back within {limit}" if drill.by_people else f"Nothing has detected it within {limit}"


def _before_the_break(scope: Scope) -> Iterator[PlanStep]:
    drill, target = scope.drill, scope.drill.target.workload
    if scope.embedded and drill.embedded is not None:
        does = f"{drill.embedded.manifests} is applied to the embedded cluster, with {target} on its image."
        yield _step("deploy the target", does, scope, writes.deploying, "it stays; `flowdrill cluster down` removes it")
    yield _step(
        "preflight",
        "Could it be rolled back at all, and may the drill start? Reading, questions about permissions, and dry runs.",
        scope, writes.trying,
    )  # fmt: skip
    yield _step("register the undo", "Locks the workload; all that the restore needs is written down twice.", scope,
                writes.locking, f"{_BY_CLEANUP}: once the workload is restored, and not before")  # fmt: skip
    if drill.provider is not None:
        does = f"{drill.provider.workload} is started where it is not there, and used as it is where it is."
        yield _step("start the model provider", does, scope, writes.starting_provider, _BY_CLEANUP,
                    PROVIDER_START_SECONDS)  # fmt: skip
    yield _step("baseline", "The load begins, and the steady state must hold.", scope, writes.loading,
                "the load is stopped after the restore", WARM_UP_SECONDS + drill.baseline.window)  # fmt: skip
    if drill.chaos.steady_state or drill.chaos.before:
        does = "Chaos Toolkit's activities: the steady state must hold, then what comes before the break is done."
        limits = sum(drill.chaos.limit_seconds(one) for one in (*drill.chaos.steady_state, *drill.chaos.before))
        yield _step("run activities before the break", does, scope, _activities(*_BEFORE), _NOT_UNDONE, limits)
    yield _step("push the images", "What the drill makes; the stable image is not touched.", scope, writes.pushing,
                _BY_CLEANUP)  # fmt: skip
    if any(True for _ in writes.putting_before(scope)):
        yield _step("put obstacles in the way", "Of the rollback, to see whether the brake holds.", scope,
                    writes.putting_before, _BY_RESTORE)  # fmt: skip


def _from_the_break_on(scope: Scope) -> Iterator[PlanStep]:
    drill, hit = scope.drill, "" if scope.scenario.symptom is Symptom.NOTHING else " Users may be hit from here on."
    yield _step("break", f"The broken release is rolled out.{hit}", scope, writes.breaking,
                "by the rollback; and by the restore, which also puts back what no rollback does")  # fmt: skip
    if any(True for _ in writes.putting_after(scope)):
        yield _step("put further obstacles in the way", "Once the broken release is on every replica.", scope,
                    writes.putting_after, _BY_RESTORE, drill.detect_limit_seconds)  # fmt: skip
    if drill.chaos.during:
        does = "Chaos Toolkit's activities, each when its moment has come; nothing waits for them."
        yield _step("run activities beside the drill", does, scope, _activities(ActivityPlace.DURING), _NOT_UNDONE)
    limit_seconds = detecting_limit_seconds(drill, scope.scenario)
    yield _step("detect", _detecting(drill), scope, None, "", limit_seconds)
    yield _step("roll back", _rolling_back(drill), scope, writes.rolling_back,
                "nothing to undo: it is the way back; the restore takes it once more, should it fail",
                drill.rollback.limit)  # fmt: skip
    settling = f"Every replica runs the stable image, and users are served for {format_seconds(drill.hold)} on end."
    yield _step("settle", settling, scope, None, "", drill.rollback.limit + drill.hold)
    yield _step("restore", "Comes whatever ended the drill: template, and what lies beside it, as before.", scope,
                writes.restoring, "nothing to undo", restore_seconds(drill))  # fmt: skip
    if drill.chaos.after or drill.chaos.steady_state:
        does = "Chaos Toolkit's activities that clean up; then the steady state must hold again."
        again = (*drill.chaos.steady_state, *drill.chaos.steady_state)
        limits = sum(drill.chaos.limit_seconds(one) for one in (*drill.chaos.after, *again))
        yield _step("run activities after the restore", does, scope, _activities(*_AFTER), _NOT_UNDONE, limits)
    yield _step("clean up", "Removes what the drill has made, and looks for it again.", scope, writes.clearing,
                "nothing to undo")  # fmt: skip
    yield _step("note the result", "Reports in the run's folder; a verified image goes into the ledger.", scope,
                writes.noting, "it stays: entries are never removed")  # fmt: skip


def _step(
    title: str, does: str, scope: Scope, requests: _Writes | None, undone: str = "", at_most: float | None = None
) -> PlanStep:
    made = () if requests is None else tuple(requests(scope))
    return PlanStep(number=0, title=title, does=does, writes=made, undone=undone, at_most_seconds=at_most)


def _activities(*places: ActivityPlace) -> _Writes:
    return lambda scope: activity_writes(scope.drill, *places)


def _detecting(drill: Drill) -> str:
    if drill.by_people:
        notes = f" {len(drill.injects)} notes are shown to them meanwhile." if drill.injects else ""
        return f"Nobody is told: people must notice, and roll back themselves.{notes}"
    return f"Reading only, until the rollback is triggered by {drill.trigger.described()}."


def _rolling_back(drill: Drill) -> str:
    if drill.by_people:
        limit = format_seconds(drill.rollback.human_limit_seconds)
        return f"By people, however they do it; flowdrill takes over {limit} after the break."
    return f"As the drill's responder would, by `{drill.rollback.way}`, and measured."
