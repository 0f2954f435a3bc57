"""A suite: drills that are carried out one after the other. The shape of `drills/gate.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from flowdrill.model.scenario import SCENARIO_NAME
from flowdrill.model.strict import Strict


class Suite(Strict):
    """Drill files, beside the suite's own."""

    suite: str = Field(pattern=SCENARIO_NAME, max_length=63)
    description: str = ""
    candidate: str | None = Field(
        default=None,
        description="drill file beside this one: what a gate's candidate is held to (load, limits, objectives); "
        "default: the first of `drills`",
    )
    inconclusive: Literal["block", "allow"] = Field(
        default="block", description="whether a gate lets a release go although nobody knows how a drill went"
    )
    drills: tuple[str, ...] = Field(min_length=1, description="drill files, beside this one, in the order to run them")
