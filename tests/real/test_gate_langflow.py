"""Each way of the shipped suite in which a release could be broken, as a candidate: the gate blocks it, and lets the
harmless one go. Real LangFlow, on the embedded cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.planfiles.reading import find_scenario, read_suite

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "drills" / "gate.yaml"
NAMES = [Path(name).stem for name in read_suite(SUITE)[0].drills]
GOOD = "no-fault"
pytestmark = [
    pytest.mark.catalogue,
    pytest.mark.endurance,
    pytest.mark.langflow,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("langflow_runtime"),
]


def flowdrill(*arguments: str | Path, state: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: text for name, text in os.environ.items() if name not in ("KUBECONFIG", "LANGFLOW_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=600,
        env={**environ, "FLOWDRILL_CLUSTER": str(state)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def stable(cluster: RunningCluster) -> str:
    to = f"{cluster.registry}/flows/gated:1.0.0"
    flow = ("image", "flow", "scenarios/flows/greeting.json", "--base", str(cluster.base_image), "--to", to, "--json")
    done = flowdrill(*flow, state=cluster.folder.path)
    assert done.returncode == 0, done.stderr
    return f"{to.rpartition(':')[0]}@{json.loads(done.stdout)['digest']}"


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_blocks_what_is_broken_and_lets_the_rest_go(
    cluster: RunningCluster, stable: str, name: str, tmp_path: Path
) -> None:
    state = cluster.folder.path
    made = flowdrill("image", "derive", name, "--from", stable, "--json", state=state)
    assert made.returncode == 0, made.stderr
    more: list[str | Path] = []
    workload = find_scenario(name).scenario.changes.workload.model_dump(mode="json", exclude_defaults=True)
    if workload:  # what a release brings beside its image
        (tmp_path / "changes.yaml").write_text(yaml.safe_dump(workload))
        more = ["--candidate-changes", tmp_path / "changes.yaml"]
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        yaml.safe_dump({"suite": "one", "drills": [os.path.relpath(ROOT / "drills/no-fault.yaml", tmp_path)]})
    )
    asked = ("gate", suite, "--candidate", json.loads(made.stdout)["reference"], "--rollback-to", stable, *more)
    files = ("--fail-fast", "--json", "--annotations", "github", "--out", tmp_path / "reports")
    done = flowdrill(*asked, *files, state=state)
    result = json.loads(done.stdout)
    assert result["blocks"] is (name != GOOD), done.stdout + done.stderr
    assert done.returncode == (0 if name == GOOD else 1), done.stdout + done.stderr
    assert [one["outcome"] for one in result["drills"]] == (["pass"] * 2 if name == GOOD else ["fail", "not-run"])
    assert ("::error " in done.stderr) is (name != GOOD)
