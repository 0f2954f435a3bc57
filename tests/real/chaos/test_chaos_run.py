"""Real experiments with the `chaos` command, about a small service on any Kubernetes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.chaos.experimenting import CHAOS, Bench, bench_on
from tests.real.kill.arena import Arena
from tests.real.kill.running import RunningDrill
from tests.real.kill.stage import flowdrill, until
from tests.unit.chaos.experiments import activity, control

pytestmark = pytest.mark.drills
_MOST_TRIES = 5  # a machine that is too busy sends too late, and then nobody knows
Json = dict[str, Any]


@pytest.fixture
def bench(arena: Arena, tmp_path: Path) -> Iterator[Bench]:
    with bench_on(arena, tmp_path) as found:
        yield found


def run_until_known(bench: Bench, experiment: Path, *options: str) -> tuple[int, Json, RunningDrill]:
    for _ in range(_MOST_TRIES):
        for old in (bench.folder / "out").glob("*"):
            shutil.rmtree(old)
        code, journal, running = bench.run(experiment, *options)
        if journal["flowdrill"]["verdict"] != "inconclusive":
            break
    return code, journal, running


def is_broken(running: RunningDrill) -> bool:
    return any(one["event"] == "image set" and one["purpose"] == "break" for one in running.events)


def assert_whole(bench: Bench) -> None:
    code, journal, running = run_until_known(bench, bench.experiment())
    assert code == 0, running.told()
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    bench.assert_as_before(time.monotonic())
    run = running.run
    result, kept = (json.loads((run / name).read_text()) for name in ("result.json", "chaos/journal.json"))
    assert journal == kept
    assert journal["flowdrill"]["folder"] == str(run)
    assert journal["flowdrill"]["run_id"] == result["run"]["id"]
    for name in ("measures", "instants", "verdict", "objectives"):
        assert journal["flowdrill"][name] == result[name]
    assert flowdrill("verify", run).returncode == 3, "every file is as it was, and nobody has signed"
    (took,) = [one["duration"] for one in journal["run"] if one["activity"]["name"] == "roll-back"]
    assert took < 5, "a rollback that was detected already is taken at once"


def test_an_experiment_is_a_drill_and_can_be_reported(bench: Bench) -> None:
    assert_whole(bench)
    report = bench.folder / "report.md"
    command = [*CHAOS, "report", "--export-format", "markdown", str(bench.journal_file), str(report)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=bench.folder)
    if shutil.which("pandoc") is None and said.returncode != 0:
        pytest.skip("chaos report needs pandoc")
    assert said.returncode == 0, said.stderr
    assert "roll-back" in report.read_text()


@pytest.mark.endurance
@pytest.mark.parametrize("strategy", ["never", "always", "deviated"])
def test_a_missed_objective_deviates_and_everything_is_put_back(bench: Bench, strategy: str) -> None:
    experiment = bench.experiment(objectives={"outage": "1ms"})
    code, journal, running = run_until_known(bench, experiment, "--rollback-strategy", strategy)
    assert code == 1, running.told()
    assert journal["deviated"] is True
    assert journal["flowdrill"]["verdict"] == "fail"
    assert bench.writes(running), "the audit log tells of a drill that is not dry"
    if strategy != "deviated":  # the hypothesis holds: that the drill has failed is known after the rollbacks
        assert bool(journal["rollbacks"]) is (strategy == "always")
    bench.assert_as_before(time.monotonic())


def test_a_chaos_that_is_killed_leaves_nothing_broken(bench: Bench) -> None:
    with bench.chaos(bench.experiment()) as running:
        until(lambda: is_broken(running), "the service is broken", 200)
        killed = running.kill_harness()
        bench.assert_as_before(killed)
        assert [one["event"] for one in running.guard_events][-1] == "guard ended", running.told()
        assert not bench.journal_file.exists()
        assert flowdrill("report", running.run).returncode == 0


@pytest.mark.endurance
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_puts_everything_back_and_writes_the_reports(bench: Bench, number: signal.Signals) -> None:
    # nobody detects it: the experiment waits
    with bench.chaos(bench.experiment(detect={"limit": "60s", "trigger": "kubernetes"})) as running:
        until(lambda: is_broken(running), "the service is broken", 200)
        running.kill("chaos", running.pid, number)
        assert running.wait(120) == 1, running.told()
        bench.assert_as_before(time.monotonic())
        journal = json.loads(bench.journal_file.read_text())
        assert journal["status"] == "interrupted", running.told()
        assert journal["flowdrill"]["end"] == "interrupted"
        assert running.guard_events == []
        assert (running.run / "report.html").is_file()


@pytest.mark.endurance
def test_a_second_signal_leaves_the_rest_to_the_guard(bench: Bench) -> None:
    with bench.chaos(bench.experiment(detect={"limit": "60s", "trigger": "kubernetes"})) as running:
        until(lambda: is_broken(running), "the service is broken", 200)
        running.kill("chaos", running.pid, signal.SIGINT)
        until(lambda: '"restore"' in json.dumps(running.events[-20:]), "it restores", 30)
        running.kill("chaos", running.pid, signal.SIGINT)
        running.wait(60)
        bench.assert_as_before(time.monotonic())


@pytest.mark.endurance
@pytest.mark.parametrize("dry", ["actions", "probes", "activities", "pause"])
def test_a_dry_run_changes_nothing(bench: Bench, dry: str) -> None:
    code, journal, running = bench.run(bench.experiment(), "--dry", dry)
    assert code == 0, running.told()
    assert journal["flowdrill"]["dry"] is True
    assert not is_broken(running)
    assert bench.writes(running) == []
    bench.assert_as_before(time.monotonic())


@pytest.mark.endurance
def test_a_hypothesis_that_runs_all_the_time_disturbs_nothing(bench: Bench) -> None:
    options = ("--hypothesis-strategy", "continuously", "--hypothesis-frequency", "0.5")
    code, journal, running = run_until_known(bench, bench.experiment(), *options)
    assert code == 0, running.told()
    assert len(journal["steady_states"]["during"]) > 5
    bench.assert_as_before(time.monotonic())


@pytest.mark.endurance
def test_a_safeguard_ends_the_drill(bench: Bench) -> None:
    tripped = bench.folder / "tripped"
    probe = {
        "type": "probe",
        "name": "nobody-has-tripped-it",
        "frequency": 0.5,
        "tolerance": False,
        "provider": {"type": "python", "module": "os.path", "func": "exists", "arguments": {"path": str(tripped)}},
    }
    safeguards = control("chaosaddons.controls.safeguards", probes=[probe])
    experiment = bench.experiment(
        lambda made: made["controls"].append(safeguards), detect={"limit": "60s", "trigger": "kubernetes"}
    )
    with bench.chaos(experiment) as running:
        until(lambda: is_broken(running), "the service is broken", 200)
        tripped.touch()
        assert running.wait(120) == 1, running.told()
        journal = json.loads(bench.journal_file.read_text())
        assert journal["status"] == "interrupted", running.told()
        bench.assert_as_before(time.monotonic())


@pytest.mark.endurance
def test_another_activity_in_the_middle_changes_no_measure(bench: Bench) -> None:
    def pause(made: Json) -> None:
        steps = [one["provider"]["func"] for one in made["method"]]
        made["method"].insert(
            steps.index("roll_back") + 1,
            {
                "type": "action",
                "name": "something-slow",
                "provider": {"type": "process", "path": "sleep", "arguments": "8"},
            },
        )
        made["method"].append(activity("time_to_recover"))

    code, journal, running = run_until_known(bench, bench.experiment(pause))
    assert code == 0, running.told()
    assert journal["flowdrill"]["measures"]["time_to_recover"]["latest"] < 8


@pytest.mark.endurance
def test_both_doors_measure_the_same(bench: Bench) -> None:
    """Three runs each: between the shortest and the longest that each has seen there is something in common."""
    seen: dict[str, list[Json]] = {"chaos": [], "flowdrill": []}
    place, out = bench.arena.place, bench.folder / "by-flowdrill"
    where = ("--context", place.context, "--kubeconfig", place.kubeconfig)
    for _ in range(3):
        _, journal, _ = run_until_known(bench, bench.experiment())
        seen["chaos"].append(journal["flowdrill"]["measures"])
        until(lambda: not bench.stage.problems(), "all is as before", 60)
        for _ in range(_MOST_TRIES):
            done = flowdrill("run", bench.stage.folder / "of-the-experiment.yaml", *where, "--out", out, "--json")
            if done.returncode != 3:
                break
        seen["flowdrill"].append(json.loads(done.stdout)["measures"])
        until(lambda: not bench.stage.problems(), "all is as before", 60)
    for name in ("time_to_detect", "reaction", "time_to_recover", "outage"):
        bounds = {
            door: (min(one[name]["earliest"] for one in runs), max(one[name]["latest"] for one in runs))
            for door, runs in seen.items()
        }
        (low, high), (other_low, other_high) = bounds["chaos"], bounds["flowdrill"]
        assert low <= other_high, (name, bounds)
        assert other_low <= high, (name, bounds)
