"""One side's answer, and what it cost this process: `python -m scale_parts.side SIDE FOLDER`, as JSON.

The question: for each second of a run, how many outcomes were good, how many bad for each reason, and p50 and p95 of
their latency, by the discrete definition (the smallest value that a share of the values does not exceed).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from proof.processes import peak_megabytes

from flowdrill.analysis.recorded_outcomes import RecordedOutcomes
from flowdrill.analysis.time_columns import time_columns
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Reason
from scale_parts.prepare import question_of

Row = tuple[int | None, ...]
BAD = tuple(one.value for one in Reason if one.value)
TOO_SLOW = Reason.TOO_SLOW.value

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
    """What one process took for its part. `megabytes`: its peak above what it had with its modules loaded."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    rows: str  # a digest of what it found


def ours(folder: Path) -> list[Row]:
    run = read_run(folder)
    asked = question_of(run)
    outcomes = RecordedOutcomes(run.records, asked.objective_ns, asked.until_ns)
    found = time_columns(outcomes, asked.start_ns, NS_PER_SECOND)
    return [(one.index, *one.by_reason, one.latency_p50_ns, one.latency_p95_ns) for one in found]


def duckdbs(folder: Path, outcomes: str) -> list[Row]:
    import duckdb  # noqa: PLC0415

    asked = json.loads((folder / "question.json").read_text())
    by_reason = ", ".join(f"count(*) FILTER (reason = {one})" for one in BAD)
    inner = outcomes.format(folder=folder, **asked)
    return duckdb.sql(A_SECOND.format(outcomes=inner, by_reason=by_reason, **asked)).fetchall()


def polars(folder: Path, *, ready: bool) -> list[Row]:
    """Lazily, with the engine that streams."""
    import polars as pl  # noqa: PLC0415

    asked = json.loads((folder / "question.json").read_text())
    outcomes = pl.scan_parquet(folder / "outcomes.parquet") if ready else polars_joined(folder, asked["objective_ns"])
    reason, age = pl.col("reason"), pl.col("known_ns") - pl.col("sent_ns")
    ages = age.filter(pl.col("answered") | (reason == TOO_SLOW)).sort()
    found = (
        outcomes.filter(pl.col("known_ns") <= asked["until_ns"])
        .group_by(((pl.col("known_ns") - asked["start_ns"]) // NS_PER_SECOND).alias("second"))
        .agg(
            *((reason == one).sum().alias(f"reason_{one}") for one in (0, *BAD)),
            ages.get((ages.len().cast(pl.Int64) + 1) // 2 - 1, null_on_oob=True).alias("p50"),
            ages.get((ages.len().cast(pl.Int64) * 95 + 99) // 100 - 1, null_on_oob=True).alias("p95"),
        )
        .sort("second")
        .collect(engine="streaming")
    )
    return found.rows()


def polars_joined(folder: Path, objective_ns: int) -> Any:
    """What `JOINED` says."""
    import polars as pl  # noqa: PLC0415

    records = pl.scan_parquet(folder / "records.parquet")
    sent = records.filter(pl.col("kind") == 1).select("sequence", "sent_ns", due_ns=pl.col("sent_ns") + objective_ns)
    back = records.filter(pl.col("kind") == 2).select("sequence", "finished_ns", "reason", "http_status")
    late = (pl.col("finished_ns") > pl.col("due_ns")).fill_null(value=True)
    return sent.join(back, on="sequence", how="left").select(
        "sent_ns",
        known_ns=pl.min_horizontal(pl.col("finished_ns").fill_null(pl.col("due_ns")), "due_ns").cast(pl.Int64),
        reason=pl.when(late).then(TOO_SLOW).otherwise("reason"),
        answered=pl.col("http_status").fill_null(0) != 0,
    )


SIDES: dict[str, Callable[[Path], list[Row]]] = {
    "flowdrill": ours,
    "DuckDB": lambda folder: duckdbs(folder, JOINED),
    "Polars": lambda folder: polars(folder, ready=False),
    "DuckDB, joined before": lambda folder: duckdbs(folder, READY),
    "Polars, joined before": lambda folder: polars(folder, ready=True),
}


def main() -> None:
    side, folder = sys.argv[1], Path(sys.argv[2])
    if side.startswith(("DuckDB", "Polars")):
        importlib.import_module(side.split(",")[0].lower())
    before, began, cpu_began = peak_megabytes(), time.perf_counter(), time.process_time()
    rows = SIDES[side](folder)
    took, cpu, after = time.perf_counter() - began, time.process_time() - cpu_began, peak_megabytes()
    digest = hashlib.sha256(json.dumps([[None if one is None else int(one) for one in row] for row in rows]).encode())
    print(json.dumps(asdict(Cost(took, cpu, after - before, digest.hexdigest()))))


if __name__ == "__main__":
    main()
