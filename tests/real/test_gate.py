"""A gate on the embedded cluster, on a small server: what is good may go, what is broken is blocked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.report.schema import schema_text
from tests.contract.conftest import Place
from tests.real.kill.stage import Stage, seen_of, stage_on
from tests.unit.ci_doors import action_step

pytestmark = pytest.mark.drills

_HARMLESS = {
    "scenario": "more-files",
    "story": "One more file.",
    "changes": {"files": {"add": [{"path": "/more.txt", "text": "more"}]}},
    "symptom": "nothing",
    "seen_by_users": "Right answers.",
}
_SUITE = {
    "suite": "small",
    "candidate": "candidate.yaml",
    "drills": ["drill.yaml"],
}
_MOST_TRIES = 3  # a machine that is too busy sends too late, and then nobody knows


@dataclass(frozen=True)
class Gate:
    """A service, a suite of one drill of it, and two candidates."""

    stage: Stage
    place: Place
    good: str
    broken: str

    def ask(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Until it is conclusive."""
        for _ in range(_MOST_TRIES):
            done = self._asked("gate", self.stage.folder / "suite.yaml", *more)
            if done.returncode != 3:
                break
        return done

    def _asked(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        where = ("--context", self.place.context, "--kubeconfig", str(self.place.kubeconfig))
        return run(*map(str, arguments), *where, "--out", str(self.stage.folder / "reports"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowdrill", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd="/")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    folder = StateFolder(tmp_path_factory.mktemp("cluster") / "state")
    running = start_cluster(folder, Settings())
    try:
        place = Place("flowdrill", str(folder.kubeconfig), running.registry, push_base_image(running.registry, "tests"))
        with stage_on(place, tmp_path_factory.mktemp("gate") / "drills") as stage:
            write(stage.folder / "more-files" / "scenario.yaml", _HARMLESS)
            write(stage.folder / "suite.yaml", _SUITE)
            plan = {"extends": "drill.yaml", "drill": "held-to", "detect": {"limit": "4s"}}
            write(stage.folder / "candidate.yaml", plan)
            candidates = derived(stage, "more-files"), derived(stage, "wrong-version")
            yield Gate(replace(stage, before=seen_of(stage.stand)), place, *candidates)
    finally:
        stop_cluster(folder)


def write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(data))


def derived(stage: Stage, scenario: str) -> str:
    """The stable image with a change, as a candidate that somebody has pushed."""
    pinned = str(parse_image_reference(stage.stand.image).at_digest(stage.stand.digest))
    done = run("image", "derive", str(stage.folder / scenario), "--from", pinned, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["reference"])


def test_a_good_candidate_may_go(gate: Gate, tmp_path: Path) -> None:
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    tags = gate.stage.stand.tags()
    files = ("--junit", str(junit), "--markdown", str(summary), "--json", "--parallel", "2")
    done = gate.ask("--candidate", gate.good, "--rollback-to", gate.stage.stand.image, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "they go one after the other, whatever --parallel says" in done.stderr  # one workload: it cannot be at once
    result = json.loads(done.stdout)
    jsonschema.validate(result, json.loads(schema_text("gate")))
    assert [(one["drill"], one["outcome"]) for one in result["drills"]] == [("candidate", "pass"), ("killed", "pass")]
    assert result["rollback_to"].endswith(gate.stage.stand.digest)
    suites = [one.get("name") for one in ET.parse(junit).getroot()]
    assert suites == ["gate", "candidate", "killed"]
    assert ET.parse(junit).getroot().get("failures") == ET.parse(junit).getroot().get("errors") == "0"
    assert "## ✅ PASS: the release may go" in summary.read_text()
    assert gate.stage.stand.tags() == tags  # the candidate is still there, and nothing of the drills' own
    assert gate.stage.problems() == []


def test_the_action_blocks_a_broken_candidate_and_says_so_where_people_look(gate: Gate, tmp_path: Path) -> None:
    inputs = {
        "suite": str(gate.stage.folder / "suite.yaml"), "candidate": gate.broken, "fail-fast": "true",
        "context": gate.place.context, "kubeconfig": str(gate.place.kubeconfig),
    }  # fmt: skip
    ran = action_step(tmp_path, inputs, Path(sys.executable).parent)
    assert (ran.code, ran.outputs) == (1, {"verdict": "fail", "exit-code": "1"}), ran.log
    verdict, candidate, drill = ran.obeyed()
    assert verdict.startswith("::error title=flowdrill gate%3A FAIL::FAIL: candidate ")
    assert candidate.startswith(
        "::error title=the candidate%2C out and back%3A FAIL::candidate_serves: sequential fired"
    )
    assert drill.startswith("::warning title=killed%3A NOT RUN::drill candidate did not pass")
    assert "## ❌ FAIL: the release is blocked" in ran.summary
    assert "| killed | ⏸️ not run |" in ran.summary
    suites = {one.get("name"): one for one in ET.parse(tmp_path / "flowdrill-gate.xml").getroot()}
    assert suites["candidate"].find("testcase[@name='candidate_serves']/failure") is not None
    assert gate.stage.problems() == []


def test_a_gate_without_its_stable_image_says_so_and_touches_nothing(gate: Gate) -> None:
    done = gate.ask("--candidate", gate.good, "--rollback-to", gate.broken)
    assert done.returncode == 2
    assert "there is no stable version to go back to" in done.stderr
    gone = gate.ask("--candidate", f"{parse_image_reference(gate.good).name}:never")
    assert gone.returncode == 2
    assert "the registry does not hold it" in gone.stderr
    assert gate.stage.problems() == []
