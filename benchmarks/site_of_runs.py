"""A site of 5,000 runs: how long does it take, and how long once more after ten of them have changed?

The runs are made up from a recorded one (`tests/golden`): other days, drills, scenarios, workloads, releases and times,
some of them failed, inconclusive, or without a measure. flowdrill runs in a process of its own, whose start counts, and
whose peak memory is read. Goals: at most 30 s the first time, half of that the second time, an index of 3 MB.

    python benchmarks/site_of_runs.py [--rounds 3] [--keep DIR] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

CLAIM = Claim("site_of_runs", "A site of very many runs", "its limits", seed=5)
RUNS = 5000
RECORDED = Path(__file__).parents[1] / "tests" / "golden" / "rollback-as-on-call"
MEASURES = {"time_to_detect": 1.0, "reaction": 0.02, "time_to_recover": 17.0, "outage": 18.1}
CHANGED = 10
AS_OF = "2026-11-27"


@dataclass(frozen=True, slots=True)
class Round:
    """Every time is that of a whole process."""

    first_seconds: float
    second_seconds: float  # after ten runs have changed
    unchanged_seconds: float
    peak_megabytes: float
    index_megabytes: float
    largest_trend_page_megabytes: float
    pages: int


def fill(reports: Path, runs: int) -> None:
    """Write so many run folders, the same ones every time."""
    result = json.loads((RECORDED / "result.json").read_text("utf-8"))
    plan = (RECORDED / "plan.json").read_text("utf-8")
    chance = random.Random(CLAIM.seed)
    scenarios = [f"scenario-{number}" for number in range(33)]
    last = datetime(2026, 11, 26, 23, tzinfo=UTC)
    for number in range(runs):
        began = last - timedelta(hours=3 * (runs - 1 - number))
        scenario = chance.choice(scenarios)
        folder = reports / f"{began:%Y%m%dT%H%M%SZ}-{scenario}-{number}"
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(plan, "utf-8")
        (folder / "report.html").write_text("<title>a report</title>", "utf-8")
        made = varied(result, began, scenario, number / runs, chance)
        (folder / "result.json").write_text(json.dumps(made, indent=2) + "\n", "utf-8")


def varied(
    result: dict[str, Any], began: datetime, scenario: str, share: float, chance: random.Random
) -> dict[str, Any]:
    """Another result: of that day, slower or faster than the recorded one, with an outcome by chance."""
    made: dict[str, Any] = json.loads(json.dumps(result))
    verdict = chance.choices(["pass", "fail", "inconclusive"], [90, 7, 3])[0]
    release = int(share * 12)
    made["run"] |= {
        "id": f"{began:%Y%m%dT%H%M%SZ}-{scenario}-{chance.getrandbits(24):06x}",
        "drill": scenario,
        "scenario": scenario,
        "started": f"{began:%Y-%m-%dT%H:%M:%S}.000Z",
        "namespace": chance.choice(["shop", "shop", "search"]),
        "tool_version": "0.1.0" if share < 0.7 else "0.2.0",
    }
    made["verdict"] = verdict
    if verdict != "pass":
        made["reasons"] = ["time_to_recover: at most 1 min 00 s was required, and it took 1 min 12 s"]
    digest = f"sha256:{release:064x}"
    made["images"]["stable"] = {
        "reference": f"registry.example/shop/flow:1.{release}.0@{digest}",
        "digest": digest,
        "changes": [],
    }
    for name, seconds in MEASURES.items():
        about = seconds * chance.lognormvariate(0, 0.2) * (4 if verdict == "fail" and name != "reaction" else 1)
        measured = verdict != "inconclusive" and chance.random() > 0.02
        bound = seconds * 0.05
        made["measures"][name] = (
            {"seconds": about, "earliest": max(0.0, about - bound), "latest": about + bound} if measured else None
        )
    return made


def change(reports: Path, number: int) -> None:
    """Change some of the runs, as `flowdrill report` would by writing their results anew."""
    for folder in sorted(one for one in reports.iterdir() if one.name != "site")[:CHANGED]:
        path = folder / "result.json"
        made = json.loads(path.read_text("utf-8"))
        made["requests"]["total"] = number
        path.write_text(json.dumps(made, indent=2) + "\n", "utf-8")


MEASURED = """
import resource, sys
from flowdrill.cli.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)
"""


def built(reports: Path, *options: str) -> tuple[float, float, int]:
    """Seconds, megabytes, and how many runs were read anew."""
    command = [sys.executable, "-c", MEASURED, "site", str(reports), "--as-of", AS_OF, "--json", *options]
    began = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    took = time.monotonic() - began
    return took, float(ran.stderr.strip().splitlines()[-1]), int(json.loads(ran.stdout)["read_anew"])


def one_round(reports: Path, runs: int, number: int) -> Round:
    shutil.rmtree(reports / "site", ignore_errors=True)
    first, peak, read = built(reports)
    assert read == runs, f"{read} of {runs} runs were read"
    time.sleep(2.1)  # what was written just now is read again, since its times do not tell a later change
    built(reports)
    change(reports, number + 1)
    second, _, read = built(reports)
    assert read == min(CHANGED, runs), f"{read} runs were read anew"
    same, _, _ = built(reports)
    sizes = {page.name: page.stat().st_size / 1e6 for page in (reports / "site").glob("*.html")}
    trend = max(size for name, size in sizes.items() if name.startswith("trend-"))
    return Round(first, second, same, peak, sizes["index.html"], trend, len(sizes))


def measured(options: argparse.Namespace) -> Found:
    runs = 40 if options.smoke else RUNS
    with tempfile.TemporaryDirectory() as name:
        reports = options.keep or Path(name) / "reports"
        fill(reports, runs)
        rounds = []
        for number in range(options.rounds):
            say(f"round {number + 1}")
            rounds.append(one_round(reports, runs, number))

    def told(name: str, unit: str, value: Callable[[Round], float], at_most: float | None = None) -> Measure:
        goal = None if at_most is None else Goal(at_most=at_most)
        return Measure(f"{runs:,} runs", name, unit, tuple(value(one) for one in rounds), goal)

    return Found(
        (
            told("the first time", "s", lambda one: one.first_seconds, 30),
            told(f"after {CHANGED} have changed", "s", lambda one: one.second_seconds),
            told("that / the first time", "times", lambda one: one.second_seconds / one.first_seconds, 0.5),
            told("with none changed", "s", lambda one: one.unchanged_seconds),
            told("peak memory", "MB", lambda one: one.peak_megabytes),
            told("its index", "MB", lambda one: one.index_megabytes, 3),
            told("its largest page of a trend", "MB", lambda one: one.largest_trend_page_megabytes),
            told("pages", "", lambda one: one.pages),
        )
    )


def options_too(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the runs there, and leave them")


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=3, more_options=options_too))
