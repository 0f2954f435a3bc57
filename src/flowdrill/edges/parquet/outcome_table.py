"""The outcomes of a run as Parquet: part of `flowdrill[parquet]`, whose pyarrow is imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from flowdrill.errors import MissingPartError
from flowdrill.model.events import ClockPair
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Outcome

_ROWS_OF_A_GROUP = 65_536  # as many are in memory at a time


def write_parquet(
    path: Path,
    outcomes: Iterable[Outcome],
    start: ClockPair,
    load: Callable[[str], ModuleType] = importlib.import_module,
) -> None:
    """Write the columns of the CSV with types: seconds as float64, `sent_utc` in microseconds, `reason` as a
    dictionary. MissingPartError when pyarrow is not installed; OSError when the file cannot be written."""
    try:
        arrow, parquet = load("pyarrow"), load("pyarrow.parquet")
    except ImportError as error:
        raise MissingPartError(
            f"Parquet needs pyarrow, and it is not installed ({error})",
            "pip install 'flowdrill[parquet]'; or name a file that ends with .csv",
        ) from error
    schema = _schema(arrow)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for rows in _groups(outcomes):
            writer.write_table(arrow.table(_columns(rows, start), schema=schema))


def _schema(arrow: Any) -> Any:
    seconds = arrow.float64()
    return arrow.schema(
        [
            arrow.field("sequence", arrow.uint32(), nullable=False),
            arrow.field("sent_utc", arrow.timestamp("us", tz="UTC"), nullable=False),
            arrow.field("intended_seconds", seconds, nullable=False),
            arrow.field("sent_seconds", seconds, nullable=False),
            arrow.field("known_seconds", seconds, nullable=False),
            arrow.field("latency_seconds", seconds, nullable=False),
            arrow.field("reason", arrow.dictionary(arrow.int8(), arrow.string()), nullable=False),
            arrow.field("http_status", arrow.uint16()),
        ]
    )


def _groups(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    left = iter(outcomes)
    while rows := list(islice(left, _ROWS_OF_A_GROUP)):
        yield rows


def _columns(rows: list[Outcome], start: ClockPair) -> dict[str, list[Any]]:
    began_ns = start.monotonic_ns
    return {
        "sequence": [one.sequence for one in rows],
        "sent_utc": [(start.utc_ns + one.sent_ns - began_ns) // 1000 for one in rows],
        "intended_seconds": [(one.intended_ns - began_ns) / NS_PER_SECOND for one in rows],
        "sent_seconds": [(one.sent_ns - began_ns) / NS_PER_SECOND for one in rows],
        "known_seconds": [(one.known_ns - began_ns) / NS_PER_SECOND for one in rows],
        "latency_seconds": [(one.known_ns - one.sent_ns) / NS_PER_SECOND for one in rows],
        "reason": [one.reason.name.lower() for one in rows],
        "http_status": [one.http_status for one in rows],
    }
