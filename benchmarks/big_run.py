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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowdrill.analysis.recorded_outcomes import RecordedOutcomes
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.analysis.time_columns import time_columns
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.outcome import FILE_HEADER, Reason, RecordKind
from flowdrill.model.record_columns import RECORD_DTYPE, RecordChunk, record_chunks
from flowdrill.model.run_record import RunRecord

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "statefulset"
FLOWDRILL = Path(sys.executable).with_name("flowdrill")
RUN_SECONDS = 12_000  # a drill sends at most 1,000 requests a second
NOISE, HANGING, BROKEN_REPLICAS = 0.0005, 0.0001, 1 / 3
CLIENT_LIMIT_SECONDS = 10
BATCH = 200_000  # requests that are made at once
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


class Frame:
    """The recorded run, made longer: its events with all times stretched, its plan at another rate."""

    def __init__(self, requests: int, seconds: float) -> None:
        lines = (GOLDEN / "events.jsonl").read_text().splitlines()
        self._events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self._starts = self._events[0]["clock"]
        took_ns = self._events[-1]["at_ns"] - self._starts["monotonic_ns"]
        self._factor = seconds * NS_PER_SECOND / took_ns
        self.stretched = [self._stretched(event) for event in self._events]
        self.load_ns = self._at("phase started", phase="baseline")
        self.until_ns = self._at("image set", purpose="restore")
        self.broken_ns = self._at("detected") - seconds_to_ns(seconds / 40)
        self.recovered_ns = self._at("rolled back")
        self.rate = requests * NS_PER_SECOND / (self.until_ns - self.load_ns)

    def _at(self, kind: str, **having: str) -> int:
        return next(
            one["at_ns"]
            for one in self.stretched
            if one["event"] == kind and all(one[name] == value for name, value in having.items())
        )

    def _stretched(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._stretched(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._stretched(inner) for inner in value]
        if not key.endswith("_ns") or value is None:
            return value
        start = self._starts["utc_ns" if key == "utc_ns" else "monotonic_ns"]
        return start + round((value - start) * self._factor)

    def write(self, folder: Path) -> None:
        plan = json.loads((GOLDEN / "plan.json").read_text())
        load = plan["drill"]["load"]
        load["requests_per_second"], load["timeout"] = self.rate, f"{CLIENT_LIMIT_SECONDS}s"
        (folder / "plan.json").write_text(json.dumps(plan))
        for event in self.stretched:
            if event["event"] == "baseline held":
                window = event["window"]
                event["finished"] = round((window["latest_ns"] - window["earliest_ns"]) * self.rate / NS_PER_SECOND)
                event["bad"] = round(event["finished"] * (NOISE + HANGING))
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in self.stretched))


def write_run(folder: Path, requests: int, seconds: float) -> None:
    frame = Frame(requests, seconds)
    frame.write(folder)
    rng = np.random.default_rng(1)
    with (folder / "outcomes.bin").open("wb") as file:
        file.write(FILE_HEADER)
        for records in in_order_of_arrival(frame, requests, rng):
            records.tofile(file)


def in_order_of_arrival(frame: Frame, requests: int, rng: np.random.Generator) -> Iterator[RecordChunk]:
    """Every record once it has reached the harness: an answer up to 2 ms after it came."""
    waiting, arrives_ns = np.empty(0, RECORD_DTYPE), np.empty(0, np.int64)
    for first in range(0, requests, BATCH):
        number = np.arange(first, min(first + BATCH, requests))
        left, back = made(frame, number, rng)
        arrives_ns = np.concatenate(
            (arrives_ns, left["sent_ns"], back["finished_ns"] + rng.integers(0, 2_000_000, len(back)))
        )
        order = np.argsort(arrives_ns, kind="stable")
        waiting, arrives_ns = np.concatenate((waiting, left, back))[order], arrives_ns[order]
        last = number[-1] + 1 == requests
        ready = len(waiting) if last else int(np.searchsorted(arrives_ns, int(left["intended_ns"][-1])))
        yield waiting[:ready]
        waiting, arrives_ns = waiting[ready:], arrives_ns[ready:]


def made(frame: Frame, number: np.ndarray, rng: np.random.Generator) -> tuple[RecordChunk, RecordChunk]:
    left = np.zeros(len(number), RECORD_DTYPE)
    left["kind"], left["sequence"] = RecordKind.SENT, number
    left["intended_ns"] = frame.load_ns + (number * (NS_PER_SECOND / frame.rate)).astype(np.int64)
    left["sent_ns"] = left["intended_ns"] + rng.exponential(400_000, len(number)).astype(np.int64)
    back, chance = left.copy(), rng.random(len(number))
    outage = (left["sent_ns"] >= frame.broken_ns) & (left["sent_ns"] < frame.recovered_ns)
    failed, refused = outage & (chance < BROKEN_REPLICAS), (chance > 1 - NOISE)
    hangs = (chance > 1 - NOISE - HANGING) & ~refused
    back["kind"], back["http_status"] = RecordKind.FINISHED, 200
    took_ns = (np.where(failed, 4_000_000, 24_000_000) * rng.lognormal(0, 0.35, len(number))).astype(np.int64)
    for which, reason, status in (
        (failed, Reason.FLOW_ERROR, 500),
        (refused, Reason.CONNECTION, 0),
        (hangs, Reason.NO_ANSWER, 0),
    ):
        back["reason"][which], back["http_status"][which] = reason, status
    back["finished_ns"] = back["sent_ns"] + np.where(hangs, seconds_to_ns(CLIENT_LIMIT_SECONDS), took_ns)
    return left, back


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
        write_run(options.prepare, options.requests, RUN_SECONDS)
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
