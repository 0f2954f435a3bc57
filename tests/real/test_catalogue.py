"""Every scenario that ships, drilled with real LangFlow and Locust on the embedded cluster: it does what it says."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.planfiles.reading import all_scenarios, is_suite, read_drill
from flowdrill.model.events import End
from flowdrill.model.result import Result, Verdict
from flowdrill.model.scenario import Symptom
from flowdrill.model.status import Status

ROOT = Path(__file__).parents[2]
ALL = {found.scenario.scenario: found.scenario for found in all_scenarios(ROOT / "drills")}
# what changes a database needs the full LangFlow server: test_schema_ahead.py
SCENARIOS = {name: scenario for name, scenario in ALL.items() if scenario.recovery is None}
# drills of these scenarios during which an extension of Chaos Toolkit does something
WITH_ACTIVITIES = [
    path.stem
    for path in sorted((ROOT / "drills").glob("*.yaml"))
    if not is_suite(path) and read_drill(path).chaos.activities
]
LANES = 1  # with two, one drill's LangFlow starts in the other's baseline, and two cores do not serve both

pytestmark = [pytest.mark.catalogue, pytest.mark.langflow, pytest.mark.timeout(900)]


def one_of_each() -> set[str]:
    """The first scenario of each symptom, once where the rollback helps and once where it does not."""
    first: dict[tuple[Symptom, bool], str] = {}
    for name, scenario in SCENARIOS.items():
        first.setdefault((scenario.symptom, scenario.rollback_helps), name)
    return set(first.values())


SAMPLE = one_of_each()


@dataclass
class Drills:
    """Carries drills out, a few at a time, each lane on a target of its own."""

    state: Path
    folder: Path
    lanes: queue.Queue[int] = field(default_factory=queue.Queue)
    futures: dict[str, Future[Result]] = field(default_factory=dict)

    def carry_out(self, name: str) -> Result:
        lane = self.lanes.get()
        try:
            folder = self.folder / name
            folder.mkdir()
            ran = subprocess.run(
                [sys.executable, "-m", "flowdrill", "run", str(quick_drill(name, lane, folder)), "--json"],
                cwd=folder,
                env={**os.environ, "FLOWDRILL_CLUSTER": str(self.state)},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert ran.stdout, ran.stderr
            return Result.model_validate_json(ran.stdout)
        finally:
            self.lanes.put(lane)


@pytest.fixture(scope="module")
def drills(
    cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Drills]:
    found = Drills(cluster.folder.path, tmp_path_factory.mktemp("drills"))
    for lane in range(LANES):
        found.lanes.put(lane)
    here = [item for item in request.session.items if item.path == Path(__file__) and hasattr(item, "callspec")]
    with ThreadPoolExecutor(LANES) as pool:
        for name in (item.callspec.params["name"] for item in here):
            found.futures[name] = pool.submit(found.carry_out, name)
        yield found
        for future in found.futures.values():
            future.cancel()


def quick_target(path: Path, lane: int, folder: Path) -> Path:
    """The drill's target in a namespace of its lane, with one replica, which ends and gives up early."""
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for one in documents:
        if one["kind"] == "Namespace":
            one["metadata"]["name"] = f"lane-{lane}"
        else:
            one["metadata"]["namespace"] = f"lane-{lane}"
        for port in one["spec"].get("ports", ()) if one["kind"] == "Service" else ():
            if "nodePort" in port:
                port["nodePort"] = node_port(lane, port["nodePort"])
        if one["kind"] == "Deployment":
            one["spec"] |= {"replicas": 1, "progressDeadlineSeconds": 30}
            one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 10
            for container in one["spec"]["template"]["spec"]["containers"]:
                if "lifecycle" in container:
                    container["lifecycle"]["preStop"]["exec"]["command"] = ["sleep", "1"]
    quick = folder / "target.yaml"
    quick.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return quick


def node_port(lane: int, port: int) -> int:
    return port + 100 * (lane + 1)


def quick_drill(name: str, lane: int, folder: Path) -> Path:
    """A drill that ships, with short windows and without objectives: they are about a team, not about a scenario."""
    plan: dict[str, Any] = read_drill(ROOT / "drills" / f"{name}.yaml").model_dump(mode="json", by_alias=True)
    scenario = SCENARIOS[Path(plan["scenario"]).name]
    plan["chaos"] = json.loads(json.dumps(plan["chaos"]).replace(plan["target"]["namespace"], f"lane-{lane}"))
    del plan["extends"]
    host, _, port = plan["load"]["url"].rpartition(":")
    plan["load"] |= {"url": f"{host}:{node_port(lane, int(port))}", "requests_per_second": 6}
    plan["target"]["namespace"] = f"lane-{lane}"
    plan["embedded"] |= {
        "manifests": str(quick_target(ROOT / "drills" / plan["embedded"]["manifests"], lane, folder)),
        "flow": str(ROOT / "drills" / plan["embedded"]["flow"]),
    }
    plan["scenario"] = str(ROOT / "scenarios" / scenario.scenario)
    plan |= {"objectives": {}, "hold": "3s", "baseline": {"window": "8s", "max_bad_ratio": "10%"}}
    plan["detect"]["limit"] = "40s" if scenario.symptom is Symptom.NOTHING else "75s"
    plan["rollback"]["limit"] = "60s" if scenario.rollback_helps else "20s"
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SAMPLE else pytest.mark.endurance) for name in SCENARIOS]
)
def test_a_scenario_does_what_it_says(name: str, drills: Drills) -> None:
    scenario = SCENARIOS[name]
    result = drills.futures[name].result()
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
    if scenario.changes.provider is not None:
        assert checks["provider_started"] is Status.PASS, told
        assert result.tokens is not None
        assert result.tokens.baseline is not None
        assert result.tokens.baseline.tokens_per_user_request == pytest.approx(6, rel=0.2)
    if not scenario.rollback_helps:
        assert checks["rollback_helped"] is Status.FAIL, told
    elif scenario.symptom is Symptom.STALLED_ROLLOUT:
        assert _never_hit(result), told
    else:
        assert result.measures.time_to_recover is not None, told


@pytest.mark.endurance
@pytest.mark.parametrize("name", WITH_ACTIVITIES)
def test_a_drill_with_activities_does_what_it_says(name: str, drills: Drills) -> None:
    result = drills.futures[name].result()
    told = "\n".join((f"{name}: {result.verdict.value}", *result.reasons))
    assert {one.name for one in result.activities} == {
        one.name for _, one in read_drill(ROOT / "drills" / f"{name}.yaml").chaos.activities
    }, told
    assert {check.status for check in result.checks if check.name.startswith("activity_")} == {Status.PASS}, told
    checks = {check.name: check.status for check in result.checks}
    assert checks["steady_state_restored"] is checks["nothing_left_behind"] is Status.PASS, told
    assert result.verdict is Verdict.PASS, told


def test_there_are_drills_with_activities() -> None:
    assert WITH_ACTIVITIES


def _never_hit(result: Result) -> bool:
    outage = result.measures.outage
    return result.instants.impact is None and outage is not None and outage.latest == 0


def test_every_symptom_is_in_the_catalogue() -> None:
    assert {SCENARIOS[name].symptom for name in SAMPLE} == set(Symptom)
