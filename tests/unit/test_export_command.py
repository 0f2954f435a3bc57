"""A drill as an experiment that Chaos Toolkit takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("chaoslib")

from flowdrill.analysis.experiment import experiment_of, names_not_free
from flowdrill.edges.planfiles.reading import is_suite
from flowdrill.preparing.drill_file import plan_of
from flowdrill.report.experiment_text import render_experiment
from tests.fakes.world import SCENARIO, drill_of

ROOT = Path(__file__).parents[2]
DRILLS = sorted(path for path in (ROOT / "drills").glob("*.yaml") if not is_suite(path))


def export(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", "export", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=cwd, timeout=60,
    )  # fmt: skip


def test_chaos_toolkit_takes_the_experiment_of_every_drill_that_ships(tmp_path: Path) -> None:
    for path in DRILLS:
        plan = plan_of(path)
        text = render_experiment(experiment_of(plan.drill, plan.found.scenario, f"drills/{path.name}"), as_json=False)
        (tmp_path / path.name).write_text(text)
    code = (
        "import sys\n"
        "from chaoslib.experiment import ensure_experiment_is_valid\n"
        "from chaoslib.loader import load_experiment\n"
        "for path in sys.argv[1:]:\n"
        "    ensure_experiment_is_valid(load_experiment(path))\n"
        "print(len(sys.argv) - 1, 'valid')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120, env={"LANGFLOW_API_KEY": "k"},
    )  # fmt: skip
    assert done.stdout == f"{len(DRILLS)} valid\n", done.stderr


def test_the_command_of_chaos_toolkit_takes_it_too(tmp_path: Path) -> None:
    out = tmp_path / "experiment.yaml"
    assert export("drills/pod-deleted-during-rollback.yaml", "--chaostoolkit", "--out", out).returncode == 0
    chaos = Path(sys.executable).with_name("chaos")
    done = subprocess.run(
        [chaos, "--log-file", tmp_path / "chaos.log", "validate", out],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
        env={**os.environ, "LANGFLOW_API_KEY": "k"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def one(name: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "provider": {"type": "process", "path": "true"}, **more}


def test_the_drills_own_activities_are_in_their_places() -> None:
    drill = drill_of(
        chaos={
            "configuration": {"url": "http://a.test"},
            "secrets": {"team": {"token": {"type": "env", "key": "TEAM_TOKEN"}}},
            "steady_state": [one("steady", "probe", tolerance=0)],
            "before": [one("stress", background=True, pauses={"before": 1.0})],
            "during": [one("kill", at="triggered", after="2s"), one("cut", at="broken"), one("look", at="recovered")],
            "after": [one("tidy")],
        }
    )
    found: Any = experiment_of(drill, SCENARIO, "drills/a.yaml")
    assert [each["name"] for each in found["method"]] == [
        "start-load", "stress", "deploy-broken-image", "cut", "broken-image-is-detected", "kill", "roll-back",
        "service-has-recovered", "stable-image-runs-everywhere", "look", "take-evidence",
    ]  # fmt: skip
    kept = {each["name"]: each for each in found["method"]}
    assert (kept["kill"]["background"], kept["kill"]["pauses"]) == (True, {"before": 2.0})
    assert (kept["stress"]["background"], kept["stress"]["pauses"]) == (True, {"before": 1.0})
    assert "background" not in kept["look"]
    assert [each["name"] for each in found["rollbacks"]] == ["restore-stable-image", "tidy", "stop-load"]
    assert found["steady-state-hypothesis"]["probes"][-1]["tolerance"] == 0
    assert found["configuration"]["url"] == "http://a.test"
    assert found["secrets"] == {"team": {"token": {"type": "env", "key": "TEAM_TOKEN"}}}


def test_it_is_json_by_the_files_name_and_yaml_on_standard_output(tmp_path: Path) -> None:
    out = tmp_path / "experiment.json"
    assert export("drills/edge-missing.yaml", "--chaostoolkit", "--out", out).returncode == 0
    assert json.loads(out.read_text()) == yaml.safe_load(export("drills/edge-missing.yaml", "--chaostoolkit").stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("drills/gate.yaml", "--chaostoolkit"), "is a suite"),
        (("drills/edge-missing.yaml", "--chaostoolkit", "--out", "a.txt"), "neither YAML nor JSON"),
        (("drills/edge-missing.yaml", "--chaostoolkit", "--out", "/nowhere/a.yaml"), "No such file or directory"),
        (("drills/edge-missing.yaml",), "--chaostoolkit"),
    ],
)
def test_what_cannot_be_exported_is_said(arguments: tuple[str, ...], says: str) -> None:
    done = export(*arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_name_that_the_experiment_needs_itself_is_refused() -> None:
    drill = drill_of(chaos={"configuration": {"flowdrill_out": "x"}, "secrets": {"flowdrill": {}}})
    assert names_not_free(drill) == ("chaos.configuration.flowdrill_out", "chaos.secrets.flowdrill")
