"""What a very long run costs: all its reports, and one aggregation over its outcomes beside DuckDB's.

A synthetic run of 10,000,000 requests in three hours is put into the frame of a recorded one: a baseline, an outage of
one of three replicas, a recovery, a little noise, some requests that hang. Measured in processes of their own:

- `flowdrill report`: every report, from the folder. Goals: under 10 s and 300 MB; the HTML under 2 MB.
- Requests a second: good, bad by reason, p50 and p95 of their latency, from the records of the run: each answer joined
  to its request, and decided. DuckDB does the same with the same records as Parquet; and once more, as a harder
  measure, with outcomes that are joined, decided and in order already. All give the same numbers, or the benchmark
  fails. Goals: at most DuckDB's time, and an eighth of its memory. Memory is what a process had at its peak above what
  it had with all its modules loaded.

All may use every processor: DuckDB does, flowdrill uses one. Times are the least of several rounds, in turns; seconds
of processors are told, too, since a busy machine lengthens the others. Exit code 1: a goal was missed.

    python benchmarks/big_run.py [--requests 10000000] [--rounds 5] [--smoke]

DuckDB and pyarrow come with `--group bench`; without them only ours is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from synthetic.long_run import write_run  # a folder beside this file

from flowdrill.analysis.recorded_outcomes import RecordedOutcomes
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.analysis.time_columns import time_columns
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.outcome import Reason
from flowdrill.model.record_columns import RECORD_DTYPE, record_chunks
from flowdrill.model.run_record import RunRecord

FLOWDRILL = Path(sys.executable).with_name("flowdrill")
ROW_GROUP = 1_000_000

A_SECOND = """
    SELECT floor((known_ns - {start_ns}) / 1000000000)::BIGINT AS second,
           count(*) FILTER (reason = 0) AS good, {by_reason},
           quantile_disc(known_ns - sent_ns, 0.5) FILTER (answered OR reason = 7) AS p50,
           quantile_disc(known_ns - sent_ns, 0.95) FILTER (answered OR reason = 7) AS p95
    FROM ({outcomes}) WHERE known_ns <= {until_ns}
    GROUP BY second ORDER BY second
"""
READY = "SELECT * FROM read_parquet('{folder}/outcomes.parquet')"
JOINED = """
    WITH records AS (SELECT * FROM read_parquet('{folder}/records.parquet')),
         sent AS (SELECT sequence, sent_ns, sent_ns + {objective_ns} AS due_ns FROM records WHERE kind = 1),
         finished AS (SELECT sequence, finished_ns, reason, http_status FROM records WHERE kind = 2)
    SELECT least(coalesce(finished_ns, due_ns), due_ns) AS known_ns, sent_ns,
           CASE WHEN coalesce(finished_ns > due_ns, true) THEN 7 ELSE reason END AS reason,
           coalesce(http_status, 0) <> 0 AS answered
    FROM sent LEFT JOIN finished USING (sequence)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took for its part: the least of the rounds. `rows`: a digest of what it found."""

    seconds: float
    cpu_seconds: float
    megabytes: float  # above what it had before
    process_megabytes: float
    rows: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the aggregation is asked over."""

    start_ns: int
    until_ns: int
    objective_ns: int


def question_of(run: RunRecord) -> Question:
    objective_ns = seconds_to_ns(run.drill.load.latency_objective)
    return Question(run_clock(run).start.monotonic_ns, last_seen_ns(run), objective_ns)


def write_parquet(folder: Path) -> None:
    """The records as they are, and the outcomes that follow from them."""
    run = read_run(folder)
    asked = question_of(run)
    (folder / "question.json").write_text(json.dumps(asdict(asked)))
    records = ({name: chunk[name] for name in RECORD_DTYPE.names or ()} for chunk in record_chunks(run.records))
    write_table(folder / "records.parquet", records)
    outcomes = RecordedOutcomes(run.records, asked.objective_ns, asked.until_ns)
    names = ("known_ns", "sent_ns", "reason", "answered")
    write_table(folder / "outcomes.parquet", ({name: getattr(part, name) for name in names} for part in outcomes))


def write_table(path: Path, parts: Iterable[dict[str, np.ndarray]]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - only where there is something to compare with
    import pyarrow.parquet as pq  # noqa: PLC0415

    waiting, rest = [], iter(parts)
    first = pa.table({name: np.ascontiguousarray(column) for name, column in next(rest).items()})
    with pq.ParquetWriter(path, first.schema) as writer:
        waiting = [first]
        for part in rest:
            if sum(len(table) for table in waiting) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
            waiting.append(pa.table({name: np.ascontiguousarray(column) for name, column in part.items()}))
        writer.write_table(pa.concat_tables(waiting))


def ours(folder: Path) -> list[tuple[int | None, ...]]:
    run = read_run(folder)
    asked = question_of(run)
    outcomes = RecordedOutcomes(run.records, asked.objective_ns, asked.until_ns)
    found = time_columns(outcomes, asked.start_ns, NS_PER_SECOND)
    return [(one.index, *one.by_reason, one.latency_p50_ns, one.latency_p95_ns) for one in found]


def duckdbs(folder: Path, outcomes: str) -> list[tuple[int | None, ...]]:
    import duckdb  # noqa: PLC0415

    asked = json.loads((folder / "question.json").read_text())
    by_reason = ", ".join(f"count(*) FILTER (reason = {one.value})" for one in Reason if one.value)
    inner = outcomes.format(folder=folder, **asked)
    return duckdb.sql(A_SECOND.format(outcomes=inner, by_reason=by_reason, **asked)).fetchall()


PARTS: dict[str, Callable[[Path], list[tuple[int | None, ...]]]] = {
    "ours": ours,
    "duckdb": lambda folder: duckdbs(folder, JOINED),
    "duckdb_ready": lambda folder: duckdbs(folder, READY),
}


def peak_megabytes() -> float:
    """Of this program; what getrusage() tells begins with what its parent had."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def measure_here(part: str, folder: Path) -> None:
    """In a process of its own: the part once, and what it cost."""
    if part != "ours":
        import duckdb  # noqa: PLC0415

        duckdb.sql("SELECT 1").fetchall()
    before, began, cpu_began = peak_megabytes(), time.perf_counter(), time.process_time()
    rows = PARTS[part](folder)
    took, cpu, after = time.perf_counter() - began, time.process_time() - cpu_began, peak_megabytes()
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    print(json.dumps(asdict(Cost(took, cpu, after - before, after, digest))))


def measured(part: str, folder: Path) -> Cost:
    told = subprocess.run(
        [sys.executable, __file__, "--part", part, str(folder)], check=True, stdout=subprocess.PIPE, text=True
    )
    return Cost(**json.loads(told.stdout))


def report_cost(folder: Path) -> Cost:
    began = time.perf_counter()
    child = subprocess.Popen(
        [FLOWDRILL, "report", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    said = child.communicate()[1]
    assert child.returncode == 0, said
    megabytes = used.ru_maxrss / 1024
    assert megabytes > peak_megabytes(), "what this process had is counted as the report's"
    cpu_seconds = used.ru_utime + used.ru_stime
    return Cost(time.perf_counter() - began, cpu_seconds, megabytes, megabytes, "")


def least(costs: list[Cost]) -> Cost:
    assert len({one.rows for one in costs}) == 1, "the same part found different things"
    return Cost(
        min(one.seconds for one in costs),
        min(one.cpu_seconds for one in costs),
        min(one.megabytes for one in costs),
        min(one.process_megabytes for one in costs),
        costs[0].rows,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--smoke", action="store_true", help="100,000 requests once, to see that it runs")
    parser.add_argument("--part", nargs=2, metavar=("PART", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--prepare", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        measure_here(options.part[0], Path(options.part[1]))
        return 0
    has_duckdb = all(importlib.util.find_spec(name) for name in ("duckdb", "pyarrow"))
    if options.prepare:
        write_run(options.prepare, options.requests)
        if has_duckdb:
            write_parquet(options.prepare)
        return 0
    requests, rounds = (100_000, 1) if options.smoke else (options.requests, options.rounds)
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        prepare = [sys.executable, __file__, "--prepare", folder, "--requests", str(requests)]
        subprocess.run(prepare, check=True)  # in a process of its own: what it needs is not to be measured
        costs: dict[str, list[Cost]] = {"report": []} | {part: [] for part in PARTS if part == "ours" or has_duckdb}
        for _ in range(rounds):
            for name, told in costs.items():
                told.append(report_cost(folder) if name == "report" else measured(name, folder))
        html_megabytes = (folder / "report.html").stat().st_size / 1e6
    found = {name: least(told) for name, told in costs.items()}
    missed = tell(requests, found, html_megabytes, judged=not options.smoke)
    return 1 if missed else 0


def tell(requests: int, found: dict[str, Cost], html_megabytes: float, *, judged: bool) -> bool:
    """Print everything; return whether a goal was missed, where they are `judged`: a small run says nothing of them."""
    report, mine = found["report"], found["ours"]
    rows: dict[str, tuple[float, float | None]] = {
        "requests": (requests, None),
        "report_seconds": (report.seconds, 10),
        "report_megabytes": (report.process_megabytes, 300),
        "html_megabytes": (html_megabytes, 2),
    }
    for name, cost in found.items():
        assert name == "report" or cost.rows == mine.rows, f"{name} says something else than ours"
        if name != "report":
            rows[f"{name}_seconds"] = (cost.seconds, None)
            rows[f"{name}_megabytes"] = (cost.megabytes, None)
        rows[f"{name}_cpu_seconds"] = (cost.cpu_seconds, None)
    if "duckdb" in found:
        same, ready = found["duckdb"], found["duckdb_ready"]
        rows |= {
            "times_duckdbs_time": (mine.seconds / same.seconds, 1),
            "times_duckdbs_memory": (mine.megabytes / same.megabytes, 1 / 8),
            "times_ready_time": (mine.seconds / ready.seconds, None),
            "times_ready_memory": (mine.megabytes / ready.megabytes, 1 / 8),
        }
    missed = [name for name, (value, goal) in rows.items() if judged and goal is not None and value > goal]
    for name, (value, goal) in rows.items():
        said = "" if goal is None else f"  (goal: at most {goal:g}{'; MISSED' if name in missed else ''})"
        print(f"{name.replace('_', ' '):<26} {value:>14,.3f}{said}")
    print(json.dumps({name: round(value, 4) for name, (value, _) in rows.items()}))
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
