"""From the drills of a gate to one verdict: the worst counts, and not knowing blocks unless the suite allows it."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.model.gate import GateDrill, GateOutcome

_WORST_FIRST = (GateOutcome.ERROR, GateOutcome.FAIL, GateOutcome.INCONCLUSIVE, GateOutcome.NOT_RUN)
_WORDS = {
    GateOutcome.ERROR: "could not be carried out",
    GateOutcome.FAIL: "failed",
    GateOutcome.INCONCLUSIVE: "inconclusive",
    GateOutcome.NOT_RUN: "not run",
}


def holds(drill: GateDrill, *, inconclusive_allowed: bool) -> bool:
    """Return whether a drill lets the release go."""
    allowed = inconclusive_allowed and drill.outcome is GateOutcome.INCONCLUSIVE
    return allowed or drill.outcome is GateOutcome.PASS


def gate_verdict(drills: Sequence[GateDrill], *, inconclusive_allowed: bool) -> tuple[GateOutcome, str]:
    """Return the verdict and what it rests on, in a sentence. A drill that was not run is no pass, and with nothing
    worse the gate is inconclusive: also where that is allowed, since nobody has looked."""
    blocking = [one for one in drills if not holds(one, inconclusive_allowed=inconclusive_allowed)]
    if not drills:
        return GateOutcome.INCONCLUSIVE, "there was no drill"
    if not blocking:
        allowed = sum(one.outcome is GateOutcome.INCONCLUSIVE for one in drills)
        more = f"; {allowed} inconclusive, which the suite allows" if allowed else ""
        return GateOutcome.PASS, f"{len(drills) - allowed} of {len(drills)} drills passed{more}"
    worst = next(outcome for outcome in _WORST_FIRST if any(one.outcome is outcome for one in blocking))
    counts = [(outcome, sum(one.outcome is outcome for one in blocking)) for outcome in _WORST_FIRST]
    told = ", ".join(f"{count} {_WORDS[outcome]}" for outcome, count in counts if count)
    first = next(one for one in blocking if one.outcome is worst)
    why = f"{first.drill}: {first.reasons[0]}" if first.reasons else first.drill
    verdict = GateOutcome.INCONCLUSIVE if worst is GateOutcome.NOT_RUN else worst
    return verdict, f"of {len(drills)} drills {told}; {why}"
