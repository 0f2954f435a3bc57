"""Reads drill files, and the scenarios they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowdrill.analysis.scenario_sources import scenario_sources
from flowdrill.edges.planfiles.yaml_lines import Data, YamlText, laid_over, parse_model, plain_data
from flowdrill.errors import PlanError
from flowdrill.model.advisories import Advisories
from flowdrill.model.controls import Controls
from flowdrill.model.drill import Drill
from flowdrill.model.flow_operations import Code
from flowdrill.model.scenario import SCENARIO_NAME, SCENARIO_NAME_LENGTH, Changes, Recovery, Scenario
from flowdrill.model.suite import Suite

_PACKAGE = Path(__file__).resolve().parents[2]
_ADVISORIES, _CONTROLS = "langflow-advisories.yaml", "controls.yaml"


@dataclass(frozen=True, slots=True)
class ScenarioFolder:
    """A scenario and the folders its files are read from: its own, then those of the scenarios it extends."""

    scenario: Scenario
    folders: tuple[Path, ...]
    kept: Mapping[str, bytes] = field(default_factory=dict)  # files that were read already, and are not read again

    def with_files_read(self) -> ScenarioFolder:
        """Return the same with every file in memory that its changes are made from: what is in them now is what will
        be done. A file that is missing is left for `read_source` to tell."""
        kept = {}
        for name in scenario_sources(self.scenario):
            try:
                kept[name] = self.read_source(name)
            except PlanError:
                continue
        return replace(self, kept=kept)

    def read_source(self, name: str) -> bytes:
        """Return a file of the first folder that has it; PlanError when none does, or when it lies outside."""
        if name in self.kept:
            return self.kept[name]
        for folder in self.folders:
            path = (folder / name).resolve()
            if not path.is_relative_to(folder.resolve()):
                where = self.folders[0] / "scenario.yaml"
                raise PlanError(f"{where}: {name} is outside the scenario's folder", "move it inside")
            try:
                return path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise PlanError(
                    f"{path}: {error.strerror}", "`source` names a file of the scenario's folder"
                ) from error
        known = ", ".join(sorted(path.name for path in self.folders[0].iterdir() if path.name != "scenario.yaml"))
        raise PlanError(
            f"{self.folders[0] / name}: no such file",
            f"`source` names a file of the scenario's folder, which has: {known or 'nothing but scenario.yaml'}",
        )


def shipped_scenarios() -> Path:
    """Return the folder of the scenarios, flows and the Locust file that come with flowdrill."""
    return _shipped("scenarios")


def read_advisories(named: str | None, near: Path) -> Advisories:
    """Return the known vulnerabilities of the file that a drill names (`policy.advisories`, from the drill file's
    folder `near`), or of the list that comes with flowdrill; PlanError names file, line and key."""
    path = _shipped("policy") / _ADVISORIES if named is None else near / named
    return parse_model(_text(path, f"policy.advisories names a file like policy/{_ADVISORIES}"), Advisories)


def read_controls(named: str | None, near: Path) -> Controls:
    """Return the mapping of the file that a drill names (`audit.controls`, from the drill file's folder `near`), or of
    the one that comes with flowdrill; PlanError names file, line and key."""
    path = _shipped("policy") / _CONTROLS if named is None else near / named
    return parse_model(_text(path, f"audit.controls names a file like policy/{_CONTROLS}"), Controls)


def _shipped(folder: str) -> Path:
    """In an installed package, or in a checkout, where the package is used in place."""
    installed = _PACKAGE / "shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parents[1] / folder


def read_drill(path: Path) -> Drill:
    """Return the drill of a file; PlanError names file, line and key."""
    source = _text(path, "name a drill file, such as drills/edge-missing.yaml")
    return parse_model(source, Drill, _base_of(path, plain_data(source), (path.resolve(),)))


def is_suite(path: Path) -> bool:
    """Return whether a file is a suite, and no drill. PlanError when it cannot be read."""
    return "suite" in plain_data(_text(path, "name a drill file, such as drills/edge-missing.yaml"))


def read_suite(path: Path) -> tuple[Suite, tuple[Path, ...]]:
    """Return the suite of a file and the drill files it names, each of which can be read; PlanError else."""
    suite = parse_model(_text(path, "name a suite, such as drills/gate.yaml"), Suite)
    drills = tuple(path.parent / name for name in suite.drills)
    for one in drills:
        find_scenario(read_drill(one).scenario, near=one.parent)
    return suite, drills


def _base_of(path: Path, data: Data, within: tuple[Path, ...]) -> Data:
    """What the drill file that this one extends holds, laid over what that one extends."""
    named = data.get("extends")
    if not isinstance(named, str):
        return {}
    base = path.parent / named
    if "\0" in named:
        raise PlanError(f"{path}: extends: {named!r} is no name of a file", "name a drill file beside it")
    if base.resolve() in within:
        raise PlanError(f"{path}: extends: {named} extends this file", "leave one of them out")
    held = plain_data(_text(base, f"`extends` in {path} names a drill file beside it"))
    return laid_over(_base_of(base, held, (*within, base.resolve())), {**held, "extends": named})


def find_scenario(name: str, near: Path | None = None) -> ScenarioFolder:
    """Return the scenario called `name`: a path to its folder (has a slash), or a name in `scenarios/` beside the
    drill file's folder, in the working folder, or among those that ship. PlanError lists what there is."""
    by_path = "/" in name or name in (".", "..")
    named = len(name) <= SCENARIO_NAME_LENGTH and re.fullmatch(SCENARIO_NAME, name)
    if "\0" in name or not (by_path or named):
        raise PlanError(
            f"{name[:80]!r} is no scenario's name",
            "a name has small letters, digits and hyphens; a path to a scenario's folder has a slash",
        )
    if by_path:
        base = near or Path()
        return _composed(_read_scenario((base / name).resolve()), ())
    places = _places(near)
    for place in places:
        if (place / name / "scenario.yaml").is_file():
            return _composed(_read_scenario(place / name), ())
    known = sorted({found.parent.name for place in places for found in place.glob("*/scenario.yaml")})
    raise PlanError(
        f"there is no scenario {name!r}", f"use one of: {', '.join(known)}; or a path to a scenario's folder"
    )


def all_scenarios(near: Path | None = None) -> tuple[ScenarioFolder, ...]:
    """Return every scenario that a name finds, by name."""
    found: dict[str, Path] = {}
    for place in reversed(_places(near)):
        found.update({path.parent.name: path.parent for path in place.glob("*/scenario.yaml")})
    return tuple(_composed(_read_scenario(found[name]), ()) for name in sorted(found))


def _places(near: Path | None) -> list[Path]:
    beside = [near.resolve().parent / "scenarios", near / "scenarios"] if near else []
    return [*beside, Path("scenarios"), shipped_scenarios()]


def _composed(own: ScenarioFolder, within: tuple[str, ...]) -> ScenarioFolder:
    """Return the scenario with the changes of those it extends made first."""
    scenario, folder = own.scenario, own.folders[0]
    if scenario.scenario in within:
        circle = " -> ".join((*within, scenario.scenario))
        raise PlanError(f"{folder / 'scenario.yaml'}: extends itself: {circle}", "leave one of them out")
    changes, folders, puts_back = Changes(), [folder], list[Code]()
    for name in scenario.extends:
        if not re.fullmatch(SCENARIO_NAME, name):
            raise PlanError(f"{folder / 'scenario.yaml'}: extends: {name!r} is no scenario's name", "give a name")
        places = [folder.parent, *_places(None)]
        there = next((place / name for place in places if (place / name / "scenario.yaml").is_file()), None)
        if there is None:
            known = sorted({found.parent.name for place in places for found in place.glob("*/scenario.yaml")})
            raise PlanError(
                f"{folder / 'scenario.yaml'}: extends: there is no scenario {name!r}", f"use one of: {', '.join(known)}"
            )
        first = _composed(_read_scenario(there), (*within, scenario.scenario))
        changes = changes.followed_by(first.scenario.changes)
        puts_back = [*_puts_back(first.scenario), *puts_back]  # what was done last is undone first
        folders += first.folders
    puts_back = [*_puts_back(scenario), *puts_back]
    together = scenario.model_copy(
        update={
            "changes": changes.followed_by(scenario.changes),
            "recovery": Recovery(python=tuple(puts_back)) if puts_back else None,
        }
    )
    return ScenarioFolder(together, tuple(dict.fromkeys(folders)))


def _puts_back(scenario: Scenario) -> tuple[Code, ...]:
    return scenario.recovery.python if scenario.recovery is not None else ()


def _read_scenario(folder: Path) -> ScenarioFolder:
    path = folder / "scenario.yaml"
    scenario = parse_model(_text(path, "a scenario is a folder with a scenario.yaml"), Scenario)
    if scenario.scenario != folder.name:
        raise PlanError(
            f"{path}: scenario: is {scenario.scenario!r} in a folder named {folder.name!r}", "give both the same name"
        )
    return ScenarioFolder(scenario, (folder,))


def _text(path: Path, remedy: str) -> YamlText:
    try:
        return YamlText(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not UTF-8 text (byte {error.start})", remedy) from error
