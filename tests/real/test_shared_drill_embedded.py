"""One drill twice on the embedded cluster: sent by one Locust process, and by a master with three workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.base_image import Runtime
from flowdrill.cluster.lifecycle import RunningCluster
from tests.real.test_drill_embedded import changed_drill, flowdrill

pytestmark = [pytest.mark.langflow, pytest.mark.endurance]


@pytest.fixture(autouse=True)
def _needs_a_runtime(langflow_runtime: Runtime) -> None:
    """Skip without one."""


def drilled(cluster: RunningCluster, folder: Path, workers: int | None) -> dict[str, Any]:
    folder.mkdir()
    allowed = {"time_to_detect": "60s", "time_to_recover": "4m", "outage": "6m"}  # a busy machine is no finding here
    drill = changed_drill(folder, objectives=allowed)
    plan = drill.read_text().replace("latency_objective: 2s", "latency_objective: 10s")
    drill.write_text(plan if workers is None else plan.replace("load:\n", f"load:\n  workers: {workers}\n"))
    done = flowdrill("run", drill, "--out", folder / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_what_three_workers_measure_agrees_with_one_process_within_the_bounds(
    cluster: RunningCluster, tmp_path: Path
) -> None:
    one, many = drilled(cluster, tmp_path / "one", None), drilled(cluster, tmp_path / "many", 3)
    for name in ("time_to_detect", "time_to_recover"):
        first, second = one["measures"][name], many["measures"][name]
        # two runs: the failure itself, and the rollout, take not exactly as long again
        slack = 1.0 if name == "time_to_detect" else 10.0
        assert first["earliest"] - slack <= second["latest"], (name, first, second)
        assert second["earliest"] - slack <= first["latest"], (name, first, second)
    assert [worker["share"] for worker in many["load"]["workers"]] == [1, 2, 3]
    assert "load" not in one
    (run,) = (tmp_path / "many" / "reports").iterdir()
    assert (run / "outcomes.bins").is_file()
    for command in (("report", run), ("verify", run)):
        again = flowdrill(*command, state=cluster.folder.path)
        assert again.returncode in (0, 3), again.stderr
    assert json.loads((run / "result.json").read_text()) == many
