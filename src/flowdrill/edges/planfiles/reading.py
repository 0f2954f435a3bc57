"""Reads drill files, and the scenarios they name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.planfiles.yaml_lines import YamlText, parse_model
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.scenario import SCENARIO_NAME, SCENARIO_NAME_LENGTH, Scenario

_PACKAGE = Path(__file__).resolve().parents[2]
_SHIPPED = _PACKAGE / "shipped" / "scenarios"  # in an installed package
_CHECKOUT = _PACKAGE.parents[1] / "scenarios"  # in a checkout, where the package is used in place


@dataclass(frozen=True, slots=True)
class ScenarioFolder:
    """A scenario and the folder its files are read from."""

    scenario: Scenario
    folder: Path

    def read_source(self, name: str) -> bytes:
        """Return a file of the folder; PlanError when it is none or lies outside."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            where = self.folder / "scenario.yaml"
            raise PlanError(f"{where}: {name} is outside the scenario's folder", "move it inside")
        try:
            return path.read_bytes()
        except OSError as error:
            raise PlanError(f"{path}: {error.strerror}", "files.add[].source names files of the folder") from error


def shipped_scenarios() -> Path:
    """Return the folder of the scenarios, flows and the Locust file that come with flowdrill."""
    return _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT


def read_drill(path: Path) -> Drill:
    """Return the drill of a file; PlanError names file, line and key."""
    return parse_model(_text(path, "name a drill file, such as drills/edge-missing.yaml"), Drill)


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
        return _read_scenario((base / name).resolve())
    places = [
        *([near.resolve().parent / "scenarios", near / "scenarios"] if near else []),
        Path("scenarios"),
        shipped_scenarios(),
    ]
    for place in places:
        if (place / name / "scenario.yaml").is_file():
            return _read_scenario(place / name)
    known = sorted({found.parent.name for place in places for found in place.glob("*/scenario.yaml")})
    raise PlanError(
        f"there is no scenario {name!r}", f"use one of: {', '.join(known)}; or a path to a scenario's folder"
    )


def _read_scenario(folder: Path) -> ScenarioFolder:
    path = folder / "scenario.yaml"
    scenario = parse_model(_text(path, "a scenario is a folder with a scenario.yaml"), Scenario)
    if scenario.scenario != folder.name:
        raise PlanError(
            f"{path}: scenario: is {scenario.scenario!r} in a folder named {folder.name!r}", "give both the same name"
        )
    return ScenarioFolder(scenario, folder)


def _text(path: Path, remedy: str) -> YamlText:
    try:
        return YamlText(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not UTF-8 text (byte {error.start})", remedy) from error
