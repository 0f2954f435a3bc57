"""A gate with several drills at once: each of a copy of the target, in a namespace of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.real.fleet_stage import FleetStage, fleet_stage, service, short_drill

pytestmark = pytest.mark.alone
SPACE, PORT = "gated", 30991
HARMLESS = {
    "scenario": "more-files",
    "story": "One more file.",
    "changes": {"files": {"add": [{"path": "/more.txt", "text": "more"}]}},
    "symptom": "nothing",
    "seen_by_users": "Right answers.",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetStage]:
    with fleet_stage(tmp_path_factory.mktemp("gate") / "drills", []) as stage:
        items = service(SPACE, "flow-0", "PUT-IN")
        items[-1]["spec"] |= {"type": "NodePort"}
        items[-1]["spec"]["ports"][0]["nodePort"] = PORT
        written(stage.folder / "target.yaml", *items)
        (stage.folder / "more-files").mkdir()
        written(stage.folder / "more-files" / "scenario.yaml", HARMLESS)
        plan = short_drill()
        plan["target"]["namespace"] = SPACE
        plan["load"]["url"] = f"http://127.0.0.1:{PORT}"
        plan["embedded"] = {"manifests": "target.yaml", "image": stage.image}
        written(stage.folder / "one.yaml", plan | {"drill": "one"})
        written(stage.folder / "two.yaml", plan | {"drill": "two"})
        control = {"drill": "control", "scenario": "./more-files", "detect": {"limit": "4s"}}
        written(stage.folder / "control.yaml", plan | control)
        written(stage.folder / "suite.yaml", {"suite": "s", "drills": ["control.yaml", "one.yaml"]})
        yield stage


def written(path: Path, *documents: dict[str, Any]) -> None:
    path.write_text("\n---\n".join(map(json.dumps, documents)))


def asked(stage: FleetStage, *more: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowdrill", "gate", str(stage.folder / "suite.yaml"), *map(str, more)]
    return subprocess.run(
        [*command, "--out", str(stage.reports), "--json"],
        env=stage.environ, capture_output=True, text=True, check=False, timeout=400, cwd="/",
    )  # fmt: skip


def test_drills_of_one_target_go_beside_one_another_and_one_verdict_comes_of_it(
    stage: FleetStage, tmp_path: Path
) -> None:
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    done = asked(stage, "--parallel", "2", "--junit", junit, "--markdown", summary)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [(one["drill"], one["outcome"]) for one in told["drills"]] == [
        ("control", "pass"), ("one", "pass"),
    ]  # fmt: skip
    results = [json.loads((Path(one["run"]) / "result.json").read_text())["run"] for one in told["drills"]]
    spaces = [one["namespace"] for one in results]
    assert set(spaces) == {f"{SPACE}-lane-1", f"{SPACE}-lane-2"}
    first, second = sorted(results, key=lambda one: str(one["started"]))
    assert second["started"] < first["finished"]  # at once
    assert [one.get("name") for one in ET.parse(junit).getroot()] == ["gate", "control", "one"]
    assert summary.read_text().count("✅ pass") == 2
    assert stage.problems() == []


@pytest.mark.endurance
def test_it_stops_early_where_asked(stage: FleetStage) -> None:
    written(stage.folder / "suite.yaml", {"suite": "s", "drills": ["bad.yaml", "one.yaml", "two.yaml"]})
    plan = yaml.safe_load((stage.folder / "control.yaml").read_text())
    written(stage.folder / "bad.yaml", plan | {"drill": "bad", "registry": {"ca_file": "/nowhere.pem"}})
    done = asked(stage, "--parallel", "2", "--fail-fast")
    assert done.returncode == 2, done.stdout + done.stderr
    drills = json.loads(done.stdout)["drills"]
    assert [one["drill"] for one in drills] == ["bad", "one", "two"]
    assert drills[0]["outcome"] == "error"
    assert drills[2]["outcome"] == "not-run"
    assert "--fail-fast" in drills[2]["reasons"][0]
    assert stage.problems() == []
