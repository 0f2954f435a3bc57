"""What was in the way of the rollback, and what it cost that the brake did not hold, in words."""

from __future__ import annotations

from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import ObstacleFacts, Result


def obstacle_sentences(result: Result) -> tuple[str, ...]:
    """Return one sentence for each obstacle, and then one about the cost."""
    told = [_sentence(one) for one in result.obstacles]
    cost = until_restore_sentence(result)
    return (*told, *([cost] if told and cost is not None else []))


def until_restore_sentence(result: Result) -> str | None:
    """Return what it cost that only the restore brought users back; None where they were back before, or never hit."""
    outage, requests = result.measures.outage_until_restore, result.requests
    if outage is None:
        return None
    bounds = f"between {format_seconds(outage.earliest)} and {format_seconds(outage.latest)}"
    budget = requests.error_budget
    burned = (
        f", {format_ratio(budget.burned_ratio)} of the error budget of {format_seconds(budget.period_seconds)}"
        if budget
        else ""
    )
    return (
        f"Only the restore brought users back: until then they were without service for "
        f"{format_seconds(outage.seconds)} ({bounds}); {requests.bad:,} requests were bad{burned}."
    )


def _sentence(one: ObstacleFacts) -> str:
    until = f"until {format_seconds(one.taken.seconds)}" if one.taken else f"and is left ({one.problem or 'cut off'})"
    return f"{one.name}: in the way from {format_seconds(one.put.seconds)} {until} after the run began: {one.what}."
