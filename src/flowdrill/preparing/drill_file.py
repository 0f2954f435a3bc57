"""A drill as its file has it: read with its scenario and all that it refers to, and nothing connected."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from flowdrill.edges.planfiles.reading import (
    ScenarioFolder,
    find_scenario,
    read_advisories,
    read_controls,
    read_drill,
)
from flowdrill.engine.preflight import refuse_unfit
from flowdrill.errors import PlanError
from flowdrill.model.advisories import Advisories
from flowdrill.model.controls import Controls
from flowdrill.model.drill import Drill


@dataclass(frozen=True, slots=True)
class Origin:
    """The command that makes a plan which is not its file's alone: one of a fleet, or a gate's candidate."""

    command: str  # `run` or `gate`
    file: Path
    options: tuple[str, ...]  # beside the cluster's

    @property
    def to_plan(self) -> str:
        """What `flowdrill plan` is asked for it."""
        return shlex.join(["flowdrill", "plan", str(self.file), *self.options])


@dataclass(frozen=True, slots=True)
class DrillFile:
    """A drill as its file has it, with its scenario."""

    path: Path
    drill: Drill
    found: ScenarioFolder
    advisories: Advisories
    controls: Controls
    origin: Origin | None = None  # None: `flowdrill run FILE`


def plan_of(drill_file: Path) -> DrillFile:
    """Return a drill and its scenario; PlanError when either cannot be used as written."""
    plan = plan_as_written(drill_file)
    return replace(plan, drill=plan.drill.at_its_url)


def plan_as_written(drill_file: Path) -> DrillFile:
    """Return the same with names in braces left in its URL: for many workloads."""
    drill = read_drill(drill_file)
    found = find_scenario(drill.scenario, near=drill_file.parent).with_files_read()
    refuse_unfit(drill, found.scenario)
    near = drill_file.parent
    return DrillFile(
        drill_file,
        drill,
        found,
        read_advisories(drill.policy.advisories, near),
        read_controls(drill.audit.controls, near),
    )


def refuse_unknown_url(drill: Drill) -> None:
    """PlanError when the drill is one for many workloads: something in its URL only their Services say."""
    if not drill.url_is_known:
        raise PlanError(
            f"load.url {drill.load.url}: what is in braces is said by the Service before a workload",
            "name the workloads with --selector, whose Services are looked up; or write the URL",
        )
