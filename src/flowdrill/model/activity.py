"""A Chaos Toolkit activity of a drill, while it runs and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActivityPlace(StrEnum):
    """When in a drill an activity runs. Those of the steady state run twice."""

    STEADY_STATE = "steady state"
    BEFORE = "before"
    DURING = "during"
    AFTER = "after"
    RESTORED = "steady state after the restore"


class ActivityEnd(StrEnum):
    """How an activity ended."""

    DONE = "done"
    FAILED = "failed"  # it raised an error
    TIMED_OUT = "ended at its limit"
    DIED = "its process ended"
    STOPPED = "ended with the drill"
    NOT_BEGUN = "could not begin"


@dataclass(frozen=True, slots=True)
class ActivitySlot:
    """One run of an activity: where in the drill, and its name."""

    place: ActivityPlace
    name: str
