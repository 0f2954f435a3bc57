"""What bad requests cost of the error budget of a whole period, at the drill's request rate."""

from __future__ import annotations

from flowdrill.model.drill import Drill


def burned_ratio(drill: Drill, bad: int) -> float:
    """Return the share of the period's error budget that `bad` requests burn; 1.0 is all of it."""
    slo = drill.slo
    return bad / ((1 - slo.availability) * drill.load.requests_per_second * slo.period)
