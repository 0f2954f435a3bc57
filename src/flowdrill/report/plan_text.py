"""A drill's plan as a page to read, and to sign: for a terminal, a printer, and a pull request."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from flowdrill.analysis.planned_writes import HARNESS
from flowdrill.model.drill_plan import DrillPlan, PlannedWrite, PlanStep, System, WorstCase
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.report.preflight_text import text_table
from flowdrill.report.safe_text import visible_text

_WIDTH, _LABEL = 110, 14
_LONGEST = 700
_LINE = "_" * 34


def render_plan(plan: DrillPlan) -> str:
    """Return the page, ending with a line end."""
    blocks = [
        f"PLAN of drill {visible_text(plan.drill)} on {visible_text(plan.where.namespace)}/"
        f"{visible_text(plan.where.workload)}, {visible_text(plan.where.cluster)}",
        *([_block("WOULD BE REFUSED", _bullets(plan.refused))] if plan.refused else []),
        _block("WHAT IS BROKEN, AND HOW", _breaks(plan)),
        _block("TARGET", _target(plan)),
        _block("BY WHOM", _by_whom(plan)),
        *([_block("CHAOS TOOLKIT ACTIVITIES", _activities(plan))] if plan.activities else []),
        _block("STEPS", [line for step in plan.steps for line in _step(step)]),
        _block("HOW IT IS UNDONE", [*_bullets(plan.undone), *(f"  $ {visible_text(one)}" for one in plan.by_hand)]),
        _block("WHAT STOPS IT", _bullets(plan.stops)),
        _block("WORST CASE", [*_worst(plan), *_bullets(plan.worst_case.beyond)]),
        _block("APPROVAL", _approval(plan)),
    ]
    return "\n\n".join(blocks) + "\n"


def render_plan_markdown(plan: DrillPlan) -> str:
    """Return the page for a pull request: its heading and its numbers, and the whole page as it is printed."""
    worst, fence = plan.worst_case, "~~~~"
    page = render_plan(plan).replace(fence, "~~~")  # nothing in it ends the block that it stands in
    return "\n".join(
        (
            f"## Plan of drill {visible_text(plan.drill).replace('`', '')}",
            "",
            f"Worst case: {format_seconds(worst.bad_seconds)} of bad answers, {worst.bad_requests} bad requests of its "
            f"own load, {format_ratio(worst.burned_ratio)} of the error budget. Digest: `{plan.digest}`",
            "",
            f"{fence}text",
            f"{page}{fence}",
            "",
        )
    )


def _block(title: str, lines: Iterable[str]) -> str:
    return "\n".join((title, *lines))


def _breaks(plan: DrillPlan) -> Iterator[str]:
    breaks = plan.breaks
    yield from _pair("scenario", f"{breaks.scenario}: {breaks.story}")
    for number, change in enumerate(breaks.changes):
        yield from _pair("changes" if number == 0 else "", change)
    yield from _pair("symptom", breaks.symptom)
    yield from _pair("users see", breaks.users_see)
    yield from _pair("cluster sees", breaks.kubernetes_sees)
    yield from _pair("a rollback", breaks.rollback)
    if breaks.obstacles:
        yield from _pair("obstacles", f"{', '.join(breaks.obstacles)}: put in the way of the rollback on purpose")


def _target(plan: DrillPlan) -> Iterator[str]:
    where, seen = plan.where, plan.seen
    container = f", container {where.container}" if where.container is not None else ""
    yield from _pair("workload", f"{where.workload} in namespace {where.namespace}{container}")
    yield from _pair("cluster", where.cluster if seen is None else f"{where.cluster}: {seen.cluster}")
    yield from _pair("load goes to", where.url)
    if where.beside:
        yield from _pair("beside it", ", ".join(where.beside))
    if seen is None:
        yield from _pair("right now", "not looked at: this page was made from the files alone")
        return
    yield from _pair("right now", f"{seen.image}; {seen.state}; Kubernetes {seen.kubernetes_version}")


def _by_whom(plan: DrillPlan) -> Iterator[str]:
    by = plan.by_whom
    yield from _pair("drills", by.harness)
    yield from _pair("decides", by.decides)
    yield from _pair("rolls back", by.rolls_back)
    if by.people:
        yield from _pair("people", by.people)
    for number, one in enumerate(by.on_record):
        yield from _pair("on record" if number == 0 else "", one)


def _activities(plan: DrillPlan) -> Iterator[str]:
    for one in plan.activities:
        limit = format_seconds(one.at_most_seconds)
        yield from _wrapped(
            f"{one.name}: {one.kind}, {one.when}, at most {limit}: {one.does}", 2, first="- ", hanging=2
        )
    yield from _wrapped(
        "They act with the rights of the target's context, and of what the drill gives them. What they need, flowdrill "
        "cannot know; what they do is in no undo: neither the restore nor the guard takes it back.", 2,
    )  # fmt: skip


def _step(step: PlanStep) -> Iterator[str]:
    limit = f" (at most {format_seconds(step.at_most_seconds)})" if step.at_most_seconds is not None else ""
    yield f"  {step.number:>2}  {step.title}{limit}"
    yield from _wrapped(step.does, 6)
    for write in step.writes:
        yield from _wrapped(_written(write), 8, first="- ", hanging=2)
    if not step.writes:
        yield f"{'':8}- nothing is written"
    if step.undone:
        yield from _wrapped(f"undone: {step.undone}", 6)


def _written(write: PlannedWrite) -> str:
    """`patch deployments.apps/app: set the stable image, by digest, by ann (impersonated)`."""
    to = "" if write.system in (System.KUBERNETES, System.SERVICE) else f" ({write.system})"
    dry = " (dry run)" if write.dry_run else ""
    by = "" if write.by == HARNESS else f", by {write.by}"
    when = f"; only if {write.only_if}" if write.only_if else ""
    return f"{write.permission}{to}{dry}: {write.does}{by}{when}"


def _worst(plan: DrillPlan) -> Iterator[str]:
    worst, slo = plan.worst_case, "of the error budget of a whole period"
    yield text_table(("WHAT TAKES ALL OF ITS TIME", "AT MOST"), _durations(worst))
    yield ""
    yield from _pair(
        "minutes", f"{format_seconds(worst.whole_seconds)} in all, {format_seconds(worst.bad_seconds)} of them bad"
    )
    yield from _pair("bad requests", f"{worst.bad_requests} of the drill's own load")
    yield from _pair("error budget", f"{format_ratio(worst.burned_ratio)} {slo}")
    if worst.stopped_by:
        yield from _pair("stopped by", f"{worst.stopped_by}: earlier than the table adds up to")
    if plan.expected is not None:
        kept = plan.expected
        yield from _pair(
            "expected",
            f"{format_seconds(kept.outage_seconds)}, {kept.bad_requests} bad requests, "
            f"{format_ratio(kept.burned_ratio)} {slo}: when the objective for the outage is kept",
        )


def _durations(worst: WorstCase) -> Sequence[tuple[str, str]]:
    return [(one.what, format_seconds(one.seconds)) for one in worst.steps]


def _approval(plan: DrillPlan) -> Iterator[str]:
    yield from _pair("plan digest", plan.digest)
    covers = "the drill, its scenario, and the name of the context"
    yield from _pair("covers", covers if not plan.covers else f"{covers}; and the bytes of:")
    for one in plan.covers:
        yield from _pair("", f"{one.name} ({'missing' if one.sha256 is None else f'sha256 {one.sha256[:12]}…'})")
    demanded = f"; demanded by {plan.approval}" if plan.approval else ""
    yield from _pair("", f"Anything else there, and the run is refused{demanded}.")
    yield f"  $ {visible_text(plan.run_command)}"
    yield ""
    yield f"  approved by   {_LINE}   date   {_LINE[:16]}"
    yield ""
    yield f"  signature     {_LINE}   flowdrill {plan.tool_version}"


def _pair(label: str, text: str) -> Iterator[str]:
    lines = _lines(text, _WIDTH - _LABEL - 2)
    yield from (f"  {label if number == 0 else '':<{_LABEL}}{line}".rstrip() for number, line in enumerate(lines))


def _bullets(texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in _wrapped(text, 2, first="- ", hanging=2)]


def _wrapped(text: str, indent: int, *, first: str = "", hanging: int = 0) -> list[str]:
    lines = _lines(text, _WIDTH - indent - hanging)
    return [f"{'':{indent}}{first if number == 0 else ' ' * hanging}{line}" for number, line in enumerate(lines)]


def _lines(text: str, width: int) -> list[str]:
    return textwrap.wrap(visible_text(text, _LONGEST), width, break_on_hyphens=False, break_long_words=False) or [""]
