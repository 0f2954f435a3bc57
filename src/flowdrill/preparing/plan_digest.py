"""What a plan's digest covers: everything in files that decides what a drill will do. Approving the digest approves
that, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from flowdrill.analysis.approved_plan import approved_plan
from flowdrill.analysis.scenario_sources import scenario_sources
from flowdrill.edges.planfiles.activity_files import activity_files
from flowdrill.edges.planfiles.reading import ScenarioFolder
from flowdrill.edges.runfolder.folder import json_text, plan_text
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import CoveredFile
from flowdrill.model.obstacle_plan import RegistryDown


def covered_files(drill: Drill, found: ScenarioFolder, near: Path, context: str | None) -> tuple[CoveredFile, ...]:
    """Return every file whose bytes are part of the digest, by role and name: those of the scenario, scripts and files
    that a command or an activity of the drill names, seen from `near`, the drill file's folder, and what is deployed
    without a `context`. A program that is named from the root, and is not in that folder, belongs to the machine: its
    path alone is part of the plan. It is another one on the next machine, in a pod, and after an update."""
    return (
        *(_of_scenario(found, name) for name in scenario_sources(found.scenario)),
        *(_at(near / word, f"{role} {word}") for role, word in _command_words(drill, near) if _is_file(near / word)),
        *(_at(near / name, f"{role} {name}") for role, name in _deployed(drill, context)),
    )


def digest_of(drill: Drill, found: ScenarioFolder, near: Path, context: str | None) -> str:
    """Return `sha256:…` over the drill, its scenario, the files of `covered_files`, and the name of the context: a plan
    that was approved for one cluster is not approved for another. None stands for the embedded cluster."""
    covered = [[one.name, one.sha256] for one in covered_files(drill, found, near, context)]
    about = json.dumps({"context": context, "files": covered}, sort_keys=True)
    text = json_text(approved_plan(json.loads(plan_text(drill, found.scenario)))) + about
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _command_words(drill: Drill, near: Path) -> Iterator[tuple[str, str]]:
    for role, command in _commands(drill, near):
        yield from ((role, word) for at, word in enumerate(command) if at > 0 or not _is_of_the_machine(word, near))


def _commands(drill: Drill, near: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "rollback.command", drill.rollback.command
    for one in drill.obstacles:
        if isinstance(one, RegistryDown):
            yield from (("obstacles.registry-down", command) for command in (one.down, one.up))
    yield from (("chaos", (name,)) for name in activity_files(drill.chaos, near))


def _is_of_the_machine(program: str, near: Path) -> bool:
    if not PurePath(program).is_absolute():
        return False
    as_written = Path(os.path.normpath(program)).is_relative_to(os.path.normpath(near.absolute()))
    return not as_written and not Path(os.path.realpath(program)).is_relative_to(near.resolve())


def _is_file(path: Path) -> bool:
    """Whether it is one: a word of a command may be anything, also what no path can be."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _deployed(drill: Drill, context: str | None) -> Iterator[tuple[str, str]]:
    if context is not None or drill.embedded is None:
        return
    yield "embedded.manifests", drill.embedded.manifests
    if drill.embedded.flow is not None:
        yield "embedded.flow", drill.embedded.flow


def _of_scenario(found: ScenarioFolder, name: str) -> CoveredFile:
    """A file that is missing is told when it is needed."""
    try:
        content = found.read_source(name)
    except PlanError:
        return CoveredFile(name=f"scenario {name}", sha256=None)
    return CoveredFile(name=f"scenario {name}", sha256=hashlib.sha256(content).hexdigest())


def _at(path: Path, name: str) -> CoveredFile:
    try:
        return CoveredFile(name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError:
        return CoveredFile(name=name, sha256=None)
