"""From the drills of many workloads to one verdict: the worst counts, and what was not drilled is never a pass."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.model.fleet import FleetDrill, FleetOutcome

_WORST_FIRST = (
    FleetOutcome.ERROR,
    FleetOutcome.FAIL,
    FleetOutcome.INCONCLUSIVE,
    FleetOutcome.NOT_RUN,
    FleetOutcome.SKIPPED,
)
_UNKNOWN = (FleetOutcome.NOT_RUN, FleetOutcome.SKIPPED)
_WORDS = {
    FleetOutcome.ERROR: "could not be carried out",
    FleetOutcome.FAIL: "failed",
    FleetOutcome.INCONCLUSIVE: "inconclusive",
    FleetOutcome.NOT_RUN: "not run",
    FleetOutcome.SKIPPED: "skipped",
}


def fleet_verdict(drills: Sequence[FleetDrill]) -> tuple[FleetOutcome, str]:
    """Return the verdict and what it rests on, in a sentence. With nothing worse, a workload that was skipped or not
    run makes the fleet inconclusive: nobody has looked at it."""
    if not drills:
        return FleetOutcome.INCONCLUSIVE, "there was no workload"
    counts = {one: sum(drill.outcome is one for drill in drills) for one in _WORST_FIRST}
    worst = next((one for one in _WORST_FIRST if counts[one]), None)
    if worst is None:
        return FleetOutcome.PASS, f"all {len(drills)} workloads passed" if len(drills) > 1 else "the workload passed"
    told = ", ".join(f"{count} {_WORDS[one]}" for one, count in counts.items() if count)
    first = next(one for one in drills if one.outcome is worst)
    why = f"{first.where}: {first.reasons[0]}" if first.reasons else first.where
    return FleetOutcome.INCONCLUSIVE if worst in _UNKNOWN else worst, f"of {len(drills)} workloads {told}; {why}"
