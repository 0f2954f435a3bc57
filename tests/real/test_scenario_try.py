"""`scenario try` with LangFlow's real runtime: the symptom in seconds, and nothing left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.lifecycle import RunningCluster

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.langflow


def tried(cluster: RunningCluster, *arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "flowdrill", "scenario", "try", *arguments, "--limit", "90s", "--json"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=200,
        env={**os.environ, "FLOWDRILL_CLUSTER": str(cluster.folder.path)},
    )  # fmt: skip
    assert "running 127.0.0.1" in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def kept(cluster: RunningCluster) -> set[str]:
    """Everything that a try could leave: names of namespaces and pods, and what the registry lists."""
    config = ["--kubeconfig", str(cluster.folder.kubeconfig)]
    kubectl = Path(sys.executable).with_name("kubectl")
    listed = subprocess.run(
        [kubectl, *config, "get", "namespaces,pods", "-A", "-o", "name"], capture_output=True, text=True, check=True
    )
    folder = cluster.folder.registry / "repositories"
    return {*listed.stdout.split(), *(str(path.relative_to(folder)) for path in folder.rglob("*"))}


def test_edge_missing_shows_bad_answers_and_leaves_nothing(cluster: RunningCluster) -> None:
    before = kept(cluster)
    code, trial = tried(cluster, "edge-missing")
    assert (code, trial["seen"], trial["as_declared"]) == (0, ["bad-answers"], True)
    assert trial["pod"]["ready_after_seconds"] > 0
    assert len(trial["answers"]) == 5
    assert {one["http_status"] for one in trial["answers"]} == {500}
    assert "No response generated" in trial["answers"][0]["body"]
    assert trial["left_behind"] == []
    assert kept(cluster) == before


def test_crash_at_start_shows_its_exit_code_and_leaves_nothing(cluster: RunningCluster) -> None:
    before = kept(cluster)
    code, trial = tried(cluster, "crash-at-start")
    assert (code, trial["seen"], trial["answers"]) == (0, ["stalled-rollout"], [])
    assert trial["pod"]["failed"] == "Error (exit code 3)"
    assert kept(cluster) == before


def test_another_symptom_than_the_declared_one_is_exit_code_1(cluster: RunningCluster, tmp_path: Path) -> None:
    (tmp_path / "wrong").mkdir()
    text = (ROOT / "scenarios" / "edge-missing" / "scenario.yaml").read_text()
    text = text.replace("scenario: edge-missing", "scenario: wrong").replace("bad-answers", "slow-answers")
    (tmp_path / "wrong" / "scenario.yaml").write_text(text)
    code, trial = tried(cluster, f"{tmp_path}/wrong", "--flow", "scenarios/flows/greeting.json")
    assert (code, trial["declared"], trial["seen"]) == (1, "slow-answers", ["bad-answers"])
    assert trial["notes"] == ["without --expect TEXT every text counts as a right answer"]
