"""`flowdrill report --outcomes FILE`: every request of a run as a table, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from flowdrill.analysis.outcomes_in_turn import outcomes_in_turn
from flowdrill.edges.parquet.outcome_table import write_parquet
from flowdrill.edges.runfolder.outcome_stream import OutcomeStream, open_outcomes
from flowdrill.edges.runfolder.recorded import check_nothing_is_lost
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.outcome import Outcome
from flowdrill.report.outcomes_csv import csv_lines

SUFFIXES = (".csv", ".parquet")


def check_outcome_file(path: Path) -> None:
    """PlanError when the name does not say what is to be written, or a run has recorded that file."""
    if path.suffix not in SUFFIXES:
        raise PlanError(f"--outcomes {path}: does not say what to write", f"end it with {' or '.join(SUFFIXES)}")
    check_nothing_is_lost(path, "--outcomes")


def export_outcomes(folder: Path, path: Path) -> None:
    """Write the outcomes of a run folder, whole or not at all. RunFolderError when the folder has none, is damaged, or
    the file cannot be written; MissingPartError when Parquet is asked for, and cannot be written here."""
    check_outcome_file(path)
    stream = open_outcomes(folder)
    temporary = path.with_name(f".{path.name[:200]}.{token_hex(8)}.new")  # nobody else's
    try:
        if path.suffix == ".parquet":
            write_parquet(temporary, _outcomes(stream), stream.start)
        else:
            with temporary.open("w", encoding="ascii", newline="") as file:
                file.writelines(csv_lines(_outcomes(stream), stream.start))
        temporary.replace(path)
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror or error}", "name another file, or make room") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _outcomes(stream: OutcomeStream) -> Iterator[Outcome]:
    return outcomes_in_turn(stream.records, stream.latency_objective_ns, stream.until_ns)
