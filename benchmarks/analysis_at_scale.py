"""What the analysis of a very long run costs: one aggregation over its outcomes beside DuckDB and Polars, and a report.

Synthetic runs of 1,000,000 and 10,000,000 requests in three hours are put into the frame of a recorded one: a baseline,
an outage of one of three replicas, a recovery, a little noise, some requests that hang. Asked is, for each second:
good, bad by reason, p50 and p95 of the latency, from the records of the run: each answer joined to its request, and
decided.
DuckDB and Polars (its lazy scan, and the engine that streams) do the same with the same records as Parquet; and once
more, as a harder measure, with outcomes that are joined, decided and in order already. All give the same numbers, or
the benchmark fails. Each runs in a process of its own, in turns; memory is what a process had at its peak above what it
had with all its modules loaded. All may use every processor: DuckDB and Polars do, flowdrill uses one.

`flowdrill report` makes every report from the folder of 10,000,000.

100,000,000 requests (6 GB of records, as much Parquet, and minutes to make both) are measured once with `--greatest`.

Goals: at most DuckDB's time and an eighth of its memory, from the records; an eighth of its memory with outcomes
joined before, too. The report: at most 10 s and 300 MB, its HTML 2 MB.

    python benchmarks/analysis_at_scale.py [--rounds 2] [--greatest] [--smoke]

DuckDB, Polars and pyarrow come with `--group bench`; without them only ours is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say
from scale_parts.side import SIDES, Cost

CLAIM = Claim("analysis_at_scale", "Analysis of very many outcomes", "DuckDB and Polars over Parquet")
HERE = Path(__file__).parent
SIZES, GREATEST, SMOKE_SIZE = (1_000_000, 10_000_000), 100_000_000, 100_000
OURS = "flowdrill"
TIME_GOAL, MEMORY_GOAL = Goal(at_most=1.0), Goal(at_most=1 / 8)
REPORT_GOALS = (Goal(at_most=10.0), Goal(at_most=300.0), Goal(at_most=2.0))


@dataclass(frozen=True, slots=True)
class ReportCost:
    """Of the whole process; `html_megabytes`: of the page."""

    seconds: float
    megabytes: float
    html_megabytes: float


NOTES = (
    "flowdrill reads the run's folder, with its events and plan, and checks the digests of all records: a sixth of its "
    "time for a million requests. What weighs there, too, is that each of 11,700 seconds is a column of its own, of 85 "
    "requests. Its memory hardly grows with the run: what it always needs weighs most in a small one.",
)


def measured(options: argparse.Namespace) -> Found:
    """All sizes, in rounds."""
    missing = [name for name in ("duckdb", "polars", "pyarrow") if importlib.util.find_spec(name) is None]
    peers = () if "pyarrow" in missing else tuple(one for one in ("DuckDB", "Polars") if one.lower() not in missing)
    sides = [side for side in SIDES if side == OURS or side.startswith(peers or ("-",))]
    sizes = (SMOKE_SIZE,) if options.smoke else SIZES
    measures = [one for size in sizes for one in of_size(size, sides, options.rounds, report=size == sizes[-1])]
    if options.greatest:
        measures += of_size(GREATEST, [side for side in sides if "before" not in side], 1, report=False)
    return Found(
        tuple(measures),
        skipped=tuple(f"{name}: not installed (dependency group bench)" for name in missing),
        notes=NOTES,
        versions=tuple((peer, version(peer.lower())) for peer in peers),
    )


def of_size(requests: int, sides: list[str], rounds: int, *, report: bool) -> list[Measure]:
    """The measures of one run."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        say(f"{requests:,} requests: written")
        here("scale_parts.prepare", str(folder), str(requests))
        costs: dict[str, list[Cost]] = {side: [] for side in sides}
        reports = []
        for number in range(rounds):
            say(f"{requests:,} requests: round {number + 1}")
            for side in sides if number % 2 == 0 else reversed(sides):
                costs[side].append(Cost(**json.loads(here("scale_parts.side", side, str(folder)))))
            if report:
                reports.append(report_cost(folder))
    digests = {one.rows for told in costs.values() for one in told}
    assert len(digests) == 1, "they found different things"
    return [*measures_of(requests, costs), *report_measures(f"report of {requests:,}", reports)]


def here(module: str, *arguments: str) -> str:
    """Run one of the parts in a process of its own; return what it printed."""
    command = [sys.executable, "-m", module, *arguments]
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ).stdout


def measures_of(requests: int, costs: dict[str, list[Cost]]) -> Iterator[Measure]:
    case = f"{requests:,} requests"
    for side, told in costs.items():
        yield Measure(case, f"{side}: time", "s", tuple(one.seconds for one in told))
        yield Measure(case, f"{side}: processors' time", "s", tuple(one.cpu_seconds for one in told))
        yield Measure(case, f"{side}: memory", "MB", tuple(one.megabytes for one in told))
    for side, told in costs.items():
        if side != OURS:
            pairs = list(zip(costs[OURS], told, strict=True))
            same, before = side == "DuckDB", side == "DuckDB, joined before"
            goals = TIME_GOAL if same else None, MEMORY_GOAL if same or before else None
            times = tuple(mine.seconds / its.seconds for mine, its in pairs)
            memory = tuple(mine.megabytes / its.megabytes for mine, its in pairs)
            yield Measure(case, f"flowdrill / {side}: time", "times", times, goals[0])
            yield Measure(case, f"flowdrill / {side}: memory", "times", memory, goals[1])


def report_cost(folder: Path) -> ReportCost:
    """Of `flowdrill report`."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "flowdrill", "report", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _, status, used = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    said = child.communicate()[1]
    assert child.returncode == 0, said
    return ReportCost(took, used.ru_maxrss / 1024, (folder / "report.html").stat().st_size / 1e6)


def report_measures(case: str, reports: list[ReportCost]) -> Iterator[Measure]:
    if reports:
        seconds, megabytes, html = REPORT_GOALS
        yield Measure(case, "time of the whole process", "s", tuple(one.seconds for one in reports), seconds)
        yield Measure(case, "memory of the whole process", "MB", tuple(one.megabytes for one in reports), megabytes)
        yield Measure(case, "its HTML", "MB", tuple(one.html_megabytes for one in reports), html)


def options_too(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--greatest", action="store_true", help=f"also {GREATEST:,} requests, once: ten minutes")


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=2, more_options=options_too))
