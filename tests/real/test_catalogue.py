"""Every scenario that ships, drilled with real LangFlow and Locust on the embedded cluster: it does what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill import wiring
from flowdrill.cluster.base_image import find_runtime
from flowdrill.cluster.lifecycle import start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from flowdrill.edges.planfiles.reading import all_scenarios, read_drill
from flowdrill.model.events import End, Status
from flowdrill.model.result import Result, Verdict
from flowdrill.model.scenario import Symptom

ROOT = Path(__file__).parents[2]
SCENARIOS = {found.scenario.scenario: found.scenario for found in all_scenarios(ROOT / "drills")}

pytestmark = [pytest.mark.catalogue, pytest.mark.langflow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    runtime = find_runtime(os.environ, ROOT)
    if runtime is None:
        pytest.skip("needs LangFlow's runtime: set FLOWDRILL_LFX_PYTHON")
    folder = StateFolder(tmp_path_factory.mktemp("state") / "cluster")
    start_cluster(folder, Settings(runtime=str(runtime.bin_folder), runtime_version=runtime.version))
    yield folder.path
    stop_cluster(folder)


def quick_target(path: Path, folder: Path) -> Path:
    """The drill's target with one replica, which ends and gives up early."""
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for one in documents:
        if one["kind"] == "Deployment":
            one["spec"] |= {"replicas": 1, "progressDeadlineSeconds": 15}
            for container in one["spec"]["template"]["spec"]["containers"]:
                if "lifecycle" in container:
                    container["lifecycle"]["preStop"]["exec"]["command"] = ["sleep", "1"]
    quick = folder / "target.yaml"
    quick.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return quick


def quick_drill(name: str, folder: Path) -> Path:
    """The drill that ships for a scenario, with short windows and without objectives: they are about a team, not about
    a scenario."""
    plan: dict[str, Any] = read_drill(ROOT / "drills" / f"{name}.yaml").model_dump(mode="json", by_alias=True)
    del plan["extends"]
    plan["embedded"] = {
        "manifests": str(quick_target(ROOT / "drills" / plan["embedded"]["manifests"], folder)),
        "flow": str(ROOT / "drills" / plan["embedded"]["flow"]),
    }
    plan["scenario"] = str(ROOT / "scenarios" / name)
    plan |= {"objectives": {}, "hold": "3s"}
    plan["baseline"]["window"] = "6s"
    plan["detect"]["limit"] = "20s" if SCENARIOS[name].symptom is Symptom.NOTHING else "60s"
    plan["rollback"]["limit"] = "60s" if SCENARIOS[name].rollback_helps else "20s"
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


def drilled(name: str, state: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(state))
    finished = wiring.run_drill_file(quick_drill(name, folder), context=None, kubeconfig=None, out=folder / "reports")
    assert finished.outcome.error is None, finished.outcome.error
    return finished.report.result


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_does_what_it_says(name: str, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIOS[name]
    result = drilled(name, state, tmp_path, monkeypatch)
    told = "\n".join((f"{name}: {result.verdict.value}", *result.reasons))
    checks = {check.name: check.status for check in result.checks}
    detected = {found.detector for found in result.detections}
    assert detected >= set(scenario.detected_by), told
    assert not detected & set(scenario.not_detected_by), told
    assert checks["ends_on_stable_digest"] is checks["nothing_left_behind"] is Status.PASS, told
    assert result.verdict is (Verdict.PASS if scenario.rollback_helps else Verdict.FAIL), told
    if scenario.symptom is Symptom.NOTHING:
        assert (result.end, result.instants.impact, result.measures.outage) == (End.NOT_BROKEN, None, None), told
        return
    assert checks["symptom_seen"] is Status.PASS, told
    assert result.measures.time_to_detect is not None, told
    if not scenario.rollback_helps:
        assert checks["rollback_helped"] is Status.FAIL, told
    elif scenario.symptom is Symptom.STALLED_ROLLOUT:
        assert _never_hit(result), told
    else:
        assert result.measures.time_to_recover is not None, told


def _never_hit(result: Result) -> bool:
    outage = result.measures.outage
    return result.instants.impact is None and outage is not None and outage.latest == 0


def test_every_scenario_has_a_drill_that_says_so() -> None:
    for name in SCENARIOS:
        drill = read_drill(ROOT / "drills" / f"{name}.yaml")
        assert (drill.drill, drill.scenario) == (name, name)


def test_every_symptom_is_in_the_catalogue() -> None:
    assert {scenario.symptom for scenario in SCENARIOS.values()} == set(Symptom)
