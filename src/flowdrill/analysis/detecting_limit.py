"""How long the release of a drill runs until it is decided to roll back, at most."""

from __future__ import annotations

from flowdrill.model.drill import Drill
from flowdrill.model.scenario import Scenario


def detecting_limit_seconds(drill: Drill, scenario: Scenario) -> float:
    """Return the limit in which the failure is noticed; a candidate's counts from when it is on every replica, which it
    must be within `rollback.limit`."""
    return drill.detect_limit_seconds + (drill.rollback.limit if scenario.is_candidate else 0.0)
