"""One drill at many workloads of an embedded cluster: all are put back, whatever ends the fleet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowdrill.cli.main import main
from flowdrill.report.schema import schema_text
from tests.real.fleet_stage import SELECTOR, URL, FleetStage, fleet_stage, service, targets_of
from tests.real.lab import until

pytestmark = pytest.mark.alone
Json = dict[str, Any]
_MOST_TRIES = 3  # a machine that is too busy sends too late, and then nobody knows


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetStage]:
    with fleet_stage(tmp_path_factory.mktemp("fleet") / "drills", [2, 1, 1]) as stage:
        yield stage


def run_of(drill: Json) -> Json:
    told: Json = json.loads((Path(drill["run"]) / "result.json").read_text())
    return told


def test_every_workload_is_drilled_several_at_once_and_never_two_of_a_namespace(stage: FleetStage) -> None:
    for _ in range(_MOST_TRIES):
        done = stage.run("--parallel", "2", "--json")
        if done.returncode != 3:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    jsonschema.validate(told, json.loads(schema_text("fleet")))
    assert told == stage.result()
    assert [(one["namespace"], one["workload"]) for one in told["drills"]] == [
        (space, f"deployment/{name}") for space, name in stage.targets
    ]
    assert {(one["outcome"], one["restored"]) for one in told["drills"]} == {("pass", True)}
    runs = sorted((run_of(one)["run"] for one in told["drills"]), key=lambda one: str(one["started"]))
    assert len({one["plan_digest"] for one in runs}) == len({one["id"] for one in runs}) == 4
    first, second, *_ = runs
    assert first["namespace"] != second["namespace"]
    assert second["started"] < first["finished"]  # at once
    one, other = (run for run in runs if run["namespace"] == "team-0")
    assert one["finished"] <= other["started"]
    assert stage.problems() == []


def test_a_signal_ends_the_fleet_and_all_that_are_broken_are_put_back(stage: FleetStage) -> None:
    command = stage.command("--parallel", "2", "--json")
    process = subprocess.Popen(
        command, env=stage.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )
    until(lambda: broken(stage) == 2 or process.poll() is not None, 120, "two are broken")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 130, out + err
    told = json.loads(out)
    assert told["verdict"] == "error"
    assert told["stopped"] == "stopped by SIGINT"
    assert sorted(one["outcome"] for one in told["drills"]) == ["error", "error", "not-run", "not-run"]
    assert [one["restored"] for one in told["drills"] if one["outcome"] == "error"] == [True, True]
    assert stage.problems() == []


@pytest.mark.endurance
@pytest.mark.parametrize("whom", ["the fleet", "a drill"])
def test_whoever_is_killed_all_is_put_back(stage: FleetStage, whom: str) -> None:
    process = subprocess.Popen(
        stage.command("--parallel", "2", "--json"), env=stage.environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
    )  # fmt: skip
    until(lambda: broken(stage) == 2 or process.poll() is not None, 120, "two are broken")
    os.kill(process.pid if whom == "the fleet" else drills_of(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    until(lambda: stage.problems() == [], 120, "all is put back")
    if whom == "a drill":
        assert process.returncode == 2, out + err
        told = json.loads(out)
        assert sorted(one["outcome"] for one in told["drills"])[0] == "error"
        assert [one["outcome"] for one in told["drills"]].count("not-run") == 2
        assert "its process is gone" in told["stopped"]


def drills_of(pid: int) -> list[int]:
    """The processes that were forked from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in children]


def broken(stage: FleetStage) -> int:
    with stage.api() as api:
        items = api.get("/apis/apps/v1/deployments")["items"]
    return sum(one["spec"]["template"]["spec"]["containers"][0]["image"] != stage.image for one in items)


@pytest.mark.endurance
def test_the_others_go_on_beside_one_that_cannot_and_what_is_new_is_told(stage: FleetStage) -> None:
    space, label = "team-9", {"app": "lonely-fleet"}
    items = [*service(space, "no-service", stage.image)[:2], *service(space, "flow-0", stage.image)]
    for one in items:
        if one["kind"] == "Deployment":
            one["metadata"]["labels"] = label
    stage.apply(items, targets_of([(space, "no-service"), (space, "flow-0")]))
    where = ["--namespace", space, "--selector", "app=lonely-fleet", "--url", URL, "--out", str(stage.reports)]
    command = [sys.executable, "-m", "flowdrill", "run", str(stage.drill_file), *where, "--json"]
    process = subprocess.Popen(
        command, env=stage.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )
    until(lambda: broken(stage) == 1 or process.poll() is not None, 120, "one is broken")
    new = service(space, "new", stage.image)
    new[1]["metadata"]["labels"] = label
    stage.apply(new, [])
    out, err = process.communicate(timeout=200)
    assert process.returncode == 2, out + err
    told = {one["workload"]: one for one in json.loads(out)["drills"]}
    assert told["deployment/flow-0"]["outcome"] == "pass", out
    assert told["deployment/no-service"]["outcome"] == "error"
    assert "no Service with a TCP port selects its pods" in told["deployment/no-service"]["reasons"][0]
    assert json.loads(out)["appeared"] == [f"{space}/deployment/new"]


def test_what_is_asked_wrongly_is_one_clear_error_and_nothing_is_touched(
    stage: FleetStage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(stage.cluster.folder.path))
    run = ["run", str(stage.drill_file), "--out", str(stage.folder / "none")]
    for more, said in (
        (["--parallel", "2"], "--parallel says nothing without --selector"),
        (["--selector", "app in (", "-A", "--url", URL], "the cluster does not take it"),
        (["--selector", "app=nothing", "-A", "--url", URL], "no Deployment or StatefulSet in any namespace matches"),
        (["--selector", SELECTOR, "-n", "nowhere", "--url", URL], "no namespace 'nowhere'"),
        (["--selector", SELECTOR, "-A"], "is the same for every workload"),
    ):
        assert main([*run, *more]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 2, told
    assert not (stage.folder / "none").exists()
