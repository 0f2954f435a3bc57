"""Forty workloads in ten namespaces of an embedded cluster, drilled four at a time: how long that takes beside the
ideal, and how much memory the harness needs.

Small servers and a short drill, since what is measured is the fleet. The **ideal** is computed from the records of the
very runs of this fleet: each takes from its first event to its last (`run.duration_seconds`), four lanes, one drill a
namespace at a time, the longest queue first, and nothing in between (`analysis.lanes.scheduled`; `bound` is the bound
below which no order can end). What the wall time has beside it is the fleet's own: finding the workloads, starting
processes, connecting, writing reports. One drill is carried out alone first: `alone` is the same ideal if every drill
took as long as that one, which no machine with fewer cores than lanes keeps.

**Memory** is looked at every half second: the proportional set size (a page that several processes share is counted
once, divided among them) of `flowdrill run` and of the drills' processes forked from it: the harness. The guards beside
it and Locust are processes of their own and counted by themselves. Peaks, in megabytes (1e6). Goals: at most 1.3 times
the ideal, under 300 MB, everything restored.

    python benchmarks/fleet.py [--rounds 1] [--namespaces 10] [--workloads 4] [--parallel 4] [--smoke] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the services are those of the tests

from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

from flowdrill.analysis.lanes import scheduled, shortest_possible
from tests.real.fleet_stage import FleetStage, fleet_stage

CLAIM = Claim("fleet", "A fleet of forty workloads", "its ideal")
LOOK_SECONDS = 0.5
KINDS = {"locust": "locust", "flowdrill.standing_in.guarding": "guards"}


@dataclass(frozen=True, slots=True)
class Round:
    """One fleet, from its start to its end."""

    passed: int
    restored: int
    wall_seconds: float
    ideal_seconds: float
    bound_seconds: float
    alone_seconds: float
    peak_megabytes: dict[str, float]


def carried_out(stage: FleetStage, parallel: int) -> tuple[float, Counter[str]]:
    """Drill them all; return the seconds, and the peak of each kind of process in bytes."""
    peaks = Counter[str]()
    with (stage.folder / "fleet.log").open("w") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            stage.command("--parallel", str(parallel)), env=stage.environ, stdout=log, stderr=log, cwd="/"
        )
        while process.poll() is None:
            seen = memory_of(process.pid)
            for kind, bytes_ in {**seen, "everything": seen.total()}.items():
                peaks[kind] = max(peaks[kind], bytes_)
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        took = time.monotonic() - began
    assert process.returncode in (0, 1, 3), (stage.folder / "fleet.log").read_text()
    return took, peaks


def memory_of(root: int) -> Counter[str]:
    """The memory of a process and all below it, by kind."""
    found, below = Counter[str](), {root}
    for pid in sorted(int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
        with suppress(OSError, IndexError, ValueError):
            folder = Path(f"/proc/{pid}")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if pid != root and parent not in below:
                continue
            below.add(pid)
            words = (folder / "cmdline").read_text().split("\0")
            kind = next((name for word, name in KINDS.items() if word in words), "harness")
            found[kind] += proportional_bytes(folder)
    return found


def proportional_bytes(folder: Path) -> int:
    for line in (folder / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(folder)


def one_round(namespaces: int, workloads: int, parallel: int) -> Round:
    with tempfile.TemporaryDirectory() as folder, fleet_stage(Path(folder), [workloads] * namespaces) as stage:
        alone = alone_seconds(stage)
        wall, peaks = carried_out(stage, parallel)
        told = stage.result()
        assert stage.problems() == [], stage.problems()
    drills = [(one["namespace"], one["seconds"] or 0.0) for one in told["drills"]]
    assert len(drills) == namespaces * workloads, f"{len(drills)} drills"
    return Round(
        passed=sum(one["outcome"] == "pass" for one in told["drills"]),
        restored=sum(one["restored"] is True for one in told["drills"]),
        wall_seconds=wall,
        ideal_seconds=scheduled(drills, parallel),
        bound_seconds=shortest_possible(drills, parallel),
        alone_seconds=scheduled([(space, alone) for space, _ in drills], parallel),
        peak_megabytes={kind: peaks[kind] / 1e6 for kind in ("harness", "guards", "locust", "everything")},
    )


def alone_seconds(stage: FleetStage) -> float:
    """How long one drill takes with nothing beside it."""
    environ = {**stage.environ, "PYTHONUNBUFFERED": "1"}
    one = ["--namespace", "team-0", "--selector", "flow-is=first", "--url", "http://{cluster_ip}:{port}"]
    with stage.api() as api:
        path = "/apis/apps/v1/namespaces/team-0/deployments/flow-0"
        api.patch(path, {"metadata": {"labels": {"flow-is": "first"}}}, ())
    command = [sys.executable, "-m", "flowdrill", "run", str(stage.drill_file), *one, "--out", str(stage.folder / "a")]
    done = subprocess.run([*command, "--json"], env=environ, capture_output=True, text=True, check=False, cwd="/")
    return float(json.loads(done.stdout)["drills"][0]["seconds"])


def measured(options: argparse.Namespace) -> Found:
    os.environ.pop("KUBECONFIG", None)
    many = (2, 1, 2) if options.smoke else (options.namespaces, options.workloads, options.parallel)
    rounds = []
    for number in range(options.rounds):
        say(f"round {number + 1}")
        rounds.append(one_round(*many))
    workloads = many[0] * many[1]

    def told(name: str, unit: str, value: Callable[[Round], float], goal: Goal | None = None) -> Measure:
        return Measure(f"{workloads} workloads, {many[2]} at once", name, unit, tuple(map(value, rounds)), goal)

    return Found(
        (
            told("restored", "workloads", lambda one: one.restored, Goal(at_least=workloads)),
            told("passed", "workloads", lambda one: one.passed),
            told("wall", "s", lambda one: one.wall_seconds),
            told("ideal", "s", lambda one: one.ideal_seconds),
            told("wall / ideal", "times", lambda one: one.wall_seconds / one.ideal_seconds, Goal(at_most=1.3)),
            told("bound of any order", "s", lambda one: one.bound_seconds),
            told("ideal, were each as one alone", "s", lambda one: one.alone_seconds),
            told("harness, peak memory", "MB", lambda one: one.peak_megabytes["harness"], Goal(at_most=300)),
            told("guards, peak memory", "MB", lambda one: one.peak_megabytes["guards"]),
            told("locust, peak memory", "MB", lambda one: one.peak_megabytes["locust"]),
            told("all of them, peak memory", "MB", lambda one: one.peak_megabytes["everything"]),
        )
    )


def options_too(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespaces", type=int, default=10)
    parser.add_argument("--workloads", type=int, default=4, help="in each namespace")
    parser.add_argument("--parallel", type=int, default=4)


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=1, more_options=options_too))
