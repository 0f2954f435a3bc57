"""The shipped experiments: valid, about drills that there are, and with those drills' objectives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from chaoslib.experiment import ensure_experiment_is_valid

from flowdrill.chaos.tolerances import tolerance_problem
from flowdrill.edges.planfiles.reading import read_drill
from tests.unit.chaos.experiments import METHOD, ROLLBACKS, ROOT, SHIPPED, probe_of

FAMILIES = {"flow-wiring", "component", "dependency", "configuration", "resources", "provider", "brake-obstacle"}


@pytest.fixture(params=SHIPPED, ids=lambda path: path.stem)
def experiment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LANGFLOW_API_KEY", "k")
    found: dict[str, Any] = yaml.safe_load(request.param.read_text())
    assert request.param.stem in found["tags"]
    return found


def test_there_is_one_for_each_family() -> None:
    assert {path.stem for path in SHIPPED} == FAMILIES


def test_an_experiment_is_valid(experiment: dict[str, Any]) -> None:
    ensure_experiment_is_valid(experiment)
    assert tolerance_problem(experiment) is None
    assert experiment["contributions"]["reliability"] == "high"


def test_its_tolerances_are_the_objectives_of_its_drill(experiment: dict[str, Any]) -> None:
    (timeline, guard) = experiment["controls"]
    assert guard["provider"]["module"] == "flowdrill.chaos.controls.guard"
    drill = read_drill(Path(timeline["provider"]["arguments"]["drill"]))
    for name in ("time_to_detect", "time_to_recover"):
        assert probe_of(experiment, name)["tolerance"]["range"] == [0, getattr(drill.objectives, name)]
    assert list(experiment["secrets"]["flowdrill"]) == [drill.load.api_key_from]


def test_it_has_every_step_in_order(experiment: dict[str, Any]) -> None:
    assert tuple(one["provider"]["func"] for one in experiment["method"]) == METHOD
    assert tuple(one["provider"]["func"] for one in experiment["rollbacks"]) == ROLLBACKS
