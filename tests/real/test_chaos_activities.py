"""Drills with activities of Chaos Toolkit's real extensions: pods are deleted while the rollback runs, Prometheus is
asked meanwhile, and the times are right all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.analysis.report_data import report_of
from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from flowdrill.edges.chaostoolkit.activities import ActivityRoom, ChaosActivities
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.events import WorkloadSeen
from flowdrill.model.outcome import Reason, RecordKind
from flowdrill.model.run_record import RunRecord
from tests.contract.conftest import Place
from tests.contract.drilling import NAME
from tests.fakes.paced_time import PacedTime
from tests.fakes.world import World, drill_of
from tests.real.kill.running import USUAL, RunningDrill
from tests.real.kill.running import drill_of as running_drill_of
from tests.real.kill.stage import Stage, stage_on, until
from tests.real.monitoring import exporter, missing_programs, monitoring

PASS, INCONCLUSIVE = 0, 3


@dataclass(frozen=True)
class Ground:
    """A service, and the cluster that it is on."""

    stage: Stage
    place: Place


_MOST_TRIES = 3


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A small service on an embedded cluster, whose process nobody waits for."""
    folder = StateFolder(tmp_path_factory.mktemp("cluster") / "state")
    running = start_cluster(folder, Settings())
    try:
        image = push_base_image(running.registry, "tests")
        place = Place("flowdrill", str(folder.kubeconfig), running.registry, image)
        with stage_on(place, tmp_path_factory.mktemp("embedded") / "stage") as stage:
            yield Ground(stage, place)
    finally:
        stop_cluster(folder)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The same on a real Kubernetes."""
    names = ("FLOWDRILL_TEST_CONTEXT", "KUBECONFIG", "FLOWDRILL_TEST_REGISTRY", "FLOWDRILL_TEST_BASE_IMAGE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"needs a Kubernetes to break: set {', '.join(missing)}")
    place = Place(*(os.environ[name] for name in names))
    with stage_on(place, tmp_path_factory.mktemp("real") / "stage") as stage:
        yield Ground(stage, place)


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.drills),
        pytest.param("real", marks=[pytest.mark.kubernetes, pytest.mark.endurance]),
    ]
)
def ground(request: pytest.FixtureRequest) -> Ground:
    found: Ground = request.getfixturevalue(request.param)
    return found


def kubernetes(func: str, module: str = "pod.actions", **arguments: Any) -> dict[str, Any]:
    return {"type": "python", "module": f"chaosk8s.{module}", "func": func, "arguments": arguments}


def with_chaos(stage: Stage, name: str, **chaos: Any) -> Path:
    """The stage's drill, with activities."""
    path = stage.folder / f"{name}.yaml"
    # a kit that is busy takes long to roll out: how long is not what is looked at
    patient = {"rollback": {"limit": "180s"}, "objectives": {"outage": "180s"}}
    path.write_text(yaml.safe_dump({"extends": "drill.yaml", "drill": name, "chaos": chaos} | patient))
    return path


def drilled(ground: Ground, drill: Path, out: Path) -> tuple[int, dict[str, Any], Path]:
    place = ground.place
    command = ["run", drill, "--context", place.context, "--kubeconfig", place.kubeconfig, "--out", out, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, command)],
        capture_output=True, text=True, check=False, timeout=300, cwd="/",
    )  # fmt: skip
    assert done.stdout, done.stderr
    (folder,) = out.iterdir()
    return done.returncode, json.loads(done.stdout), folder


def _first_seen_going(pod: str, record: RunRecord) -> int | None:
    """When the watch first told that a pod is being deleted."""
    return next(
        (seen.at_ns for seen in record.all_of(WorkloadSeen)
         for one in seen.snapshot.pods if one.name == pod and one.deleting), None,
    )  # fmt: skip


def test_pods_that_are_deleted_while_the_rollback_runs_leave_the_times_right(ground: Ground, tmp_path: Path) -> None:
    stage = ground.stage
    namespace = stage.stand.play.namespace
    drill = with_chaos(
        stage,
        "pod-deleted",
        steady_state=[
            {
                "name": "available", "type": "probe", "tolerance": True,
                "provider": kubernetes("deployment_available_and_healthy", "deployment.probes", name=NAME,
                                       ns=namespace, raise_on_unavailable=False),
            }
        ],
        during=[
            {
                "name": "kill", "type": "action", "at": "triggered",
                "provider": kubernetes("terminate_pods", label_selector=f"app={NAME}", ns=namespace, all=True),
            }
        ],
    )  # fmt: skip
    for attempt in range(_MOST_TRIES):
        code, result, folder = drilled(ground, drill, tmp_path / f"reports-{attempt}")
        if code != INCONCLUSIVE:  # a machine that is too busy to send on schedule
            break
    assert (code, result["verdict"]) == (PASS, "pass"), result["reasons"]
    steady, kill, restored = result["activities"]
    assert (steady["tolerance_met"], restored["tolerance_met"], kill["end"]) == (True, True, "done")
    instants = result["instants"]
    assert instants["triggered"]["earliest"] <= kill["began"]["seconds"] <= instants["rolled_back"]["seconds"]

    journal = json.loads((folder / "chaos/activities.json").read_text())
    (run,) = journal["run"]
    record, began_ns = read_run(folder), run["flowdrill"]["began_ns"][0]
    first = {name: _first_seen_going(name, record) for name in run["output"]}
    assert None not in first.values()
    assert any(at_ns is not None and at_ns >= began_ns for at_ns in first.values()), first  # some went of themselves

    # by nothing but the answers: whoever asked after `recovered` was answered well (slow answers count, too)
    start_ns, recovered = record.events[0].at_ns, instants["recovered"]
    restore = next(one["start"] for one in result["phases"] if one["phase"] == "restore")
    bad = [(one.sent_ns - start_ns) / 1e9 for one in record.records
           if one.kind is RecordKind.FINISHED and one.reason is not Reason.GOOD]  # fmt: skip
    assert instants["impact"]["latest"] < max(sent for sent in bad if sent < restore) <= recovered["latest"]
    assert "Chaos Toolkit activities" in (folder / "report.html").read_text()
    assert "terminate_pods" in (folder / "report.md").read_text()
    until(lambda: not stage.problems(), "everything is as before")


@pytest.mark.drills
@pytest.mark.endurance
def test_when_the_harness_is_killed_its_activities_end_and_the_guard_restores(embedded: Ground, tmp_path: Path) -> None:
    marker = tmp_path / "runs"
    script = f"echo $$ > {marker}; exec sleep 3600"
    stage, place = embedded.stage, embedded.place
    with_chaos(
        stage,
        "killed",
        limit="10m",
        during=[
            {
                "name": "hang", "type": "action", "at": "broken",
                "provider": {"type": "process", "path": "sh", "arguments": ["-c", script]},
            }
        ],
    )  # fmt: skip
    kept = stage.drill_file.read_text()
    (stage.folder / "base.yaml").write_text(kept)
    text = (stage.folder / "killed.yaml").read_text().replace("drill.yaml", "base.yaml")
    stage.drill_file.write_text(text)
    try:
        with running_drill_of(stage, place, tmp_path / "killed", USUAL) as drill:
            until(lambda: marker.is_file() and marker.read_text().strip() != "", drill.told())
            pid = int(marker.read_text())
            until(lambda: any(one["event"] == "activity started" for one in drill.events), drill.told())
            drill.kill_harness()
            until(lambda: not Path(f"/proc/{pid}").exists(), f"the activity's process ends: {drill.told()}")
            until(lambda: not stage.problems(), f"everything is as before: {stage.problems()}")
            _is_cut_off(drill)
    finally:
        stage.drill_file.write_text(kept)


def _is_cut_off(drill: RunningDrill) -> None:
    until((drill.run / "result.json").is_file, drill.told())
    result = json.loads((drill.run / "result.json").read_text())
    assert result["verdict"] == "inconclusive"
    (row,) = result["activities"]
    assert (row["name"], row["ended"], row["end"]) == ("hang", None, None)


def _prometheus(name: str, query: str, tolerance: dict[str, Any], **more: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "chaosprometheus.probes", "func": "query", "arguments": {"query": query}}
    return {"name": name, "type": "probe", "tolerance": tolerance, "provider": provider, **more}


@pytest.mark.prometheus
def test_a_real_prometheus_is_asked_before_the_break_beside_the_drill_and_after(tmp_path: Path) -> None:
    if missing := missing_programs():
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    worlds: list[World] = []

    def counts() -> dict[str, int]:
        done = [one for one in (worlds[0].load.records if worlds else []) if one.kind is RecordKind.FINISHED]
        bad = sum(one.reason is not Reason.GOOD for one in [*done])
        return {"good": len(done) - bad, "bad": bad}

    def value(expected: str) -> dict[str, Any]:
        return {"type": "jsonpath", "path": "$.data.result[0].value[1]", "expect": expected}

    with exporter(counts) as target, monitoring(tmp_path, target, []) as up:
        chaos = {
            "configuration": {"prometheus_base_url": up.prometheus_url},
            "steady_state": [_prometheus("target is up", "up", value("1"))],
            "during": [
                _prometheus("errors are counted", 'flow_requests_total{outcome="bad"} > bool 0', value("1"),
                            at="triggered", after="2s"),
                _prometheus("no errors", 'flow_requests_total{outcome="bad"} > bool 0', value("0"), at="recovered"),
            ],
        }  # fmt: skip
        world = World(
            drill=drill_of(chaos=chaos, baseline={"window": "4s", "max_bad_ratio": "20%"}, hold="3s"), time=PacedTime()
        )
        worlds.append(world)
        room = ActivityRoom(tmp_path, os.environ, {})
        world.activities = ChaosActivities(world.drill.chaos, room, MonotonicClock(), tmp_path)
        try:
            world.run()
        finally:
            world.activities.close()
    result = report_of(world.record()).result
    told = [(row.name, row.place, row.tolerance_met) for row in result.activities]
    assert told == [
        ("target is up", "steady state", True),
        ("errors are counted", "during", True),
        ("no errors", "during", False),
        ("target is up", "steady state after the restore", True),
    ], [row.says for row in result.activities]
    assert result.verdict == "fail"
    assert result.reasons[0].partition(":")[0] == "activity_no_errors"
