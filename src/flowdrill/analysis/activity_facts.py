"""The Chaos Toolkit activities of a run: from when to when, and what came of each."""

from __future__ import annotations

from flowdrill.analysis.redaction import redact
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.activity import ActivityPlace, ActivitySlot
from flowdrill.model.events import ActivityEnded, ActivityStarted
from flowdrill.model.result import ActivityFacts
from flowdrill.model.run_record import RunRecord


def activity_facts(record: RunRecord, clock: RunClock) -> tuple[ActivityFacts, ...]:
    """Return every activity that began, or could not, in the order in which that was told; of one that was tried again,
    the last try. One that the run's end cut off has no end."""
    plans = {(place, one.name): one for place, one in record.drill.chaos.activities}
    plans |= {(ActivityPlace.RESTORED, one.name): one for one in record.drill.chaos.steady_state}
    started = {ActivitySlot(one.place, one.name): one for one in record.all_of(ActivityStarted)}
    ended = {ActivitySlot(one.place, one.name): one for one in record.all_of(ActivityEnded)}
    order = sorted({*started, *ended}, key=lambda slot: (started.get(slot) or ended[slot]).at_ns)
    facts = []
    for slot in order:
        plan, began, over = plans.get((slot.place, slot.name)), started.get(slot), ended.get(slot)
        if began is not None and over is not None and over.at_ns < began.at_ns:
            over = None  # of an earlier try
        facts.append(
            ActivityFacts(
                name=redact(slot.name),
                place=slot.place,
                kind="activity" if plan is None else plan.type,
                does="" if plan is None else redact(plan.provider.described()),
                began=None if began is None else clock.told(began.instant),
                ended=None if over is None else clock.told(over.instant),
                end=None if over is None else over.end,
                tolerance_met=None if over is None else over.tolerance_met,
                says="" if over is None else over.says,
            )
        )
    return tuple(facts)
