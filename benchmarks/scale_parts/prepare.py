"""Write a synthetic run, and the same as Parquet for the others: `python -m scale_parts.prepare FOLDER REQUESTS`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from synthetic.long_run import write_run

from flowdrill.analysis.recorded_outcomes import RecordedOutcomes
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.record_columns import RECORD_DTYPE, record_chunks
from flowdrill.model.run_record import RunRecord

ROW_GROUP = 1_000_000


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


if __name__ == "__main__":
    write_run(Path(sys.argv[1]), int(sys.argv[2]))
    if importlib.util.find_spec("pyarrow"):
        write_parquet(Path(sys.argv[1]))
