"""Two runs side by side: what differs, and what of it is certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from flowdrill.analysis.plan_differences import plan_differences
from flowdrill.model.comparison import (
    Change,
    ComparedDetection,
    ComparedRun,
    ComparedStatus,
    ComparedTime,
    Comparison,
    Difference,
)
from flowdrill.model.measured import Measure
from flowdrill.model.result import Assessment, Measures, Result, Verdict
from flowdrill.model.status import Status

Kind = Literal["objective", "check", "limit"]

_ENVIRONMENT: tuple[tuple[str, Callable[[Result], str | None]], ...] = (
    ("cluster", lambda result: result.run.cluster),
    ("Kubernetes", lambda result: result.run.kubernetes_version),
    ("flowdrill", lambda result: result.run.tool_version),
    ("host of the harness", lambda result: result.run.host),
    ("container", lambda result: result.run.container),
    ("rolled back as", lambda result: result.run.rolled_back_as),
    ("way back", lambda result: result.rollback.strategy if result.rollback else None),
    ("trigger", lambda result: result.trigger),
)
_IMAGES: tuple[tuple[str, Callable[[Result], str | None]], ...] = (
    ("stable image", lambda result: result.images.stable.reference if result.images.stable else None),
    ("stable digest", lambda result: result.images.stable.digest if result.images.stable else None),
    ("broken digest", lambda result: result.images.broken.digest if result.images.broken else None),
    (
        "changes of the broken image",
        lambda result: "; ".join(result.images.broken.changes) if result.images.broken else None,
    ),
)
_HELD = (Status.PASS, Status.WARNING)  # a warning holds
_PLAN_ALONE = "drill and scenario read the same: one of their files, or the name of the context, is another one"
_OTHER_DRILL = "these are runs of different drills or scenarios: their numbers are about different things"


@dataclass(frozen=True, slots=True)
class RunToCompare:
    """A run folder, the plan as JSON (`plan.json`), and what came of it."""

    folder: str
    plan: object
    result: Result


def comparison_of(before: RunToCompare, after: RunToCompare, tolerance: float = 0.0) -> Comparison:
    """Return how the second run stands to the first. `tolerance`: so much longer, as a share, is not worse yet."""
    old, new = before.result, after.result
    same_plan = old.run.plan_digest == new.run.plan_digest
    differs = plan_differences(before.plan, after.plan)
    times = tuple(
        ComparedTime(
            name=name,
            before=(one := getattr(old.measures, name)),
            after=(other := getattr(new.measures, name)),
            difference=difference_of(one, other),
            change=change_of(one, other),
        )
        for name in Measures.model_fields
    )
    return Comparison(
        before=_run(before),
        after=_run(after),
        same_plan=same_plan,
        plan=differs,
        plan_note=_plan_note(old, new, same_plan=same_plan, differs=bool(differs)),
        times=tuple(one for one in times if one.change is not Change.NEITHER),
        statuses=tuple(one for judged in _judged(old, new) for one in _statuses(*judged)),
        images=_differences(_IMAGES, old, new),
        environment=_differences(_ENVIRONMENT, old, new),
        detections=_detections(old, new),
        worse=tuple(_losses(old, new, tolerance)),
        better=tuple(_losses(new, old, tolerance)),
    )


def difference_of(before: Measure | None, after: Measure | None) -> Measure | None:
    """Return after - before, with the bounds that both leave open; None where one is missing."""
    if before is None or after is None:
        return None
    return Measure(
        seconds=after.seconds - before.seconds,
        earliest=after.earliest - before.latest,
        latest=after.latest - before.earliest,
    )


def change_of(before: Measure | None, after: Measure | None) -> Change:
    """Return how one time stands to the other; certain only where their bounds do not overlap."""
    if before is None or after is None:
        both = {(True, True): Change.NEITHER, (False, True): Change.ONLY_FIRST, (True, False): Change.ONLY_SECOND}
        return both[(before is None, after is None)]
    if after.earliest > before.latest:
        return Change.LONGER
    return Change.SHORTER if after.latest < before.earliest else Change.NOT_CERTAIN


def _losses(old: Result, new: Result, tolerance: float) -> Iterator[str]:
    """In what `new` is certainly worse: it failed what `old` passed, or took longer whatever the bounds leave open."""
    if old.verdict is Verdict.PASS and new.verdict is Verdict.FAIL:
        yield "verdict"
    for kind, olds, news in _judged(old, new):
        held = {one.name for one in olds if one.status in _HELD}
        yield from (f"{kind} {one.name}" for one in news if one.status is Status.FAIL and one.name in held)
    for name in Measures.model_fields:
        before: Measure | None = getattr(old.measures, name)
        after: Measure | None = getattr(new.measures, name)
        # a bound may be negative: the share is of its size, or it would be taken off
        if before is not None and after is not None and after.earliest > before.latest + abs(before.latest) * tolerance:
            yield name


def _judged(old: Result, new: Result) -> tuple[tuple[Kind, Sequence[Assessment], Sequence[Assessment]], ...]:
    return (
        ("objective", old.objectives, new.objectives),
        ("check", old.checks, new.checks),
        ("limit", old.limits, new.limits),
    )


def _run(one: RunToCompare) -> ComparedRun:
    run = one.result.run
    return ComparedRun(
        folder=one.folder,
        id=run.id,
        drill=run.drill,
        scenario=run.scenario,
        target=f"{run.namespace}/{run.workload}",
        started=run.started,
        verdict=one.result.verdict,
        reason=one.result.reasons[0] if one.result.reasons else "",
        plan_digest=run.plan_digest,
    )


def _plan_note(old: Result, new: Result, *, same_plan: bool, differs: bool) -> str | None:
    if (old.run.drill, old.run.scenario) != (new.run.drill, new.run.scenario):
        return _OTHER_DRILL
    return None if same_plan or differs else _PLAN_ALONE


def _differences(
    facts: Sequence[tuple[str, Callable[[Result], str | None]]], old: Result, new: Result
) -> tuple[Difference, ...]:
    return tuple(Difference(what=what, before=of(old), after=of(new)) for what, of in facts if of(old) != of(new))


def _statuses(kind: Kind, old: Sequence[Assessment], new: Sequence[Assessment]) -> tuple[ComparedStatus, ...]:
    befores, afters = ({one.name: one for one in each} for each in (old, new))
    found = []
    for name in dict.fromkeys((*befores, *afters)):
        before, after = befores.get(name), afters.get(name)
        if (before and before.status) != (after and after.status):
            found.append(
                ComparedStatus(
                    kind=kind,
                    name=name,
                    before=before.status if before else None,
                    after=after.status if after else None,
                    observed_before=before.observed if before else "",
                    observed_after=after.observed if after else "",
                )
            )
    return tuple(found)


def _detections(old: Result, new: Result) -> tuple[ComparedDetection, ...]:
    befores, afters = ({one.detector: one for one in each.detections} for each in (old, new))
    found = []
    for name in dict.fromkeys((*befores, *afters)):
        before, after = befores.get(name), afters.get(name)
        took_before = before.time_to_detect if before else None
        took_after = after.time_to_detect if after else None
        found.append(
            ComparedDetection(
                detector=name,
                said_before=before is not None,
                said_after=after is not None,
                before=took_before,
                after=took_after,
                change=change_of(took_before, took_after),
            )
        )
    return tuple(found)
