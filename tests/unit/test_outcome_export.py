"""`flowdrill report --outcomes`: every request as a table, the same as what the report counts."""

from __future__ import annotations

import csv
import re
import shutil
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.analysis.outcomes_in_turn import outcomes_in_turn
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.cli.main import main
from flowdrill.edges.parquet.outcome_table import write_parquet
from flowdrill.edges.runfolder.outcome_stream import open_outcomes
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import MissingPartError
from flowdrill.history.outcome_export import export_outcomes
from flowdrill.history.run_reports import read_report
from flowdrill.model.events import ClockPair
from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Outcome, Reason, Record, RecordKind
from flowdrill.model.record_columns import CHUNK_RECORDS
from flowdrill.report.outcomes_csv import COLUMNS, csv_lines

GOLDEN = Path(__file__).parents[1] / "golden"
RUN = GOLDEN / "rollback-as-on-call"
RECORDED = (RUN / "outcomes.bin").read_bytes()
START = ClockPair(monotonic_ns=5 * NS_PER_SECOND, utc_ns=1_700_000_000 * NS_PER_SECOND)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_what_the_report_counts(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    assert main(["report", str(RUN), "--outcomes", str(path)]) == 0
    rows, requests = rows_of(path), read_report(RUN).result.requests
    assert tuple(rows[0]) == COLUMNS
    counts = Counter(row["reason"] for row in rows)
    assert counts.pop("good") == requests.good
    assert counts == requests.by_reason
    assert len({row["sequence"] for row in rows}) == len(rows) == requests.total
    assert [one.name for one in tmp_path.iterdir()] == ["outcomes.csv"]


def test_no_other_file_beside_it_is_touched(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.new").write_text("mine")
    export_outcomes(RUN, tmp_path / "a.csv")
    assert (tmp_path / ".a.csv.new").read_text() == "mine"
    assert {one.name for one in tmp_path.iterdir()} == {".a.csv.new", "a.csv"}


def test_only_the_table_is_written_unless_a_format_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(RUN, folder, ignore=shutil.ignore_patterns("report*", "junit.xml", "metrics.prom", "result.json"))
    assert main(["report", str(folder), "--outcomes", str(tmp_path / "a.csv")]) == 0
    assert not (folder / "report.html").exists()
    assert main(["report", str(folder), "--outcomes", str(tmp_path / "a.csv"), "--format", "html"]) == 0
    assert (folder / "report.html").exists()


def test_times_are_those_of_the_record_to_the_nanosecond(tmp_path: Path) -> None:
    export_outcomes(RUN, tmp_path / "a.csv")
    record = read_run(RUN)
    clock = run_clock(record)
    objective_ns = seconds_to_ns(record.drill.load.latency_objective)
    known = {one.sequence: one for one in outcomes_of(record.records, objective_ns, last_seen_ns(record)).outcomes}
    for row in rows_of(tmp_path / "a.csv"):
        one = known.pop(int(row["sequence"]))
        for column, ns in (
            ("intended_seconds", one.intended_ns - clock.start.monotonic_ns),
            ("sent_seconds", one.sent_ns - clock.start.monotonic_ns),
            ("known_seconds", one.known_ns - clock.start.monotonic_ns),
            ("latency_seconds", one.known_ns - one.sent_ns),
        ):
            assert round(float(row[column]) * NS_PER_SECOND) == ns
        assert row["sent_utc"].startswith(clock.utc(one.sent_ns)[:-1])
        assert row["http_status"] == ("" if one.http_status is None else str(one.http_status))
    assert not known


def test_parquet_has_the_same_rows_with_types(tmp_path: Path) -> None:
    export_outcomes(RUN, tmp_path / "a.csv")
    export_outcomes(RUN, tmp_path / "a.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    rows, expected = table.to_pylist(), rows_of(tmp_path / "a.csv")
    assert table.column_names == list(COLUMNS)
    assert len(rows) == len(expected)
    for row, text in zip(rows, expected, strict=True):
        assert row["sent_utc"] == datetime.fromisoformat(text["sent_utc"])
        assert row["reason"] == text["reason"]
        assert row["http_status"] == (int(text["http_status"]) if text["http_status"] else None)
        assert row["latency_seconds"] == float(text["latency_seconds"])
    export_outcomes(RUN, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_no_cell_is_anything_but_a_number_a_time_or_a_word_of_ours() -> None:
    outcomes = [Outcome(n, 1, 2, 3, reason, status) for n, reason in enumerate(Reason) for status in (None, 503)]
    words = "|".join(reason.name.lower() for reason in Reason)
    cell = re.compile(rf"-?\d+(\.\d{{9}})?|\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z|{words}|")
    for line in list(csv_lines(outcomes, START))[1:]:
        assert all(cell.fullmatch(one) for one in line.rstrip("\n").split(",")), line


def test_a_time_before_the_run_began_is_negative_and_utc_changes_its_second() -> None:
    ns = START.monotonic_ns
    outcomes = [Outcome(1, ns - 1, ns - 1, ns + NS_PER_SECOND, Reason.TOO_SLOW, None)]
    assert list(csv_lines(outcomes, START))[1] == (
        "1,2023-11-14T22:13:19.999999Z,-0.000000001,-0.000000001,1.000000000,1.000000001,too_slow,\n"
    )


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(1, 50)), max_size=40), st.integers(0, 100))
def test_one_after_the_other_they_are_the_same_outcomes(told: list[tuple[int, bool, int]], until_ns: int) -> None:
    records = [
        Record(RecordKind.FINISHED if done else RecordKind.SENT, Reason.GOOD, 200, n, n + 1, n + 1, (n + took) * done)
        for n, done, took in told
    ]
    known = outcomes_of(records, 20, until_ns).outcomes
    in_turn = outcomes_in_turn(records, 20, until_ns)
    assert sorted(in_turn, key=lambda one: (one.known_ns, one.sequence)) == list(known)


def test_a_damaged_record_is_one_error_and_no_half_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    shutil.copytree(RUN, folder)
    at = RECORD_BYTES * 2500
    (folder / "outcomes.bin").write_bytes(RECORDED[:at] + b"\x09" + RECORDED[at + 1 :])
    assert main(["report", str(folder), "--outcomes", str(tmp_path / "a.csv")]) == 2
    assert "outcomes.bin: is damaged" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_that_cannot_be_written_is_one_error(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "nowhere" / f"a.{kind}", Path(__file__) / f"a.{kind}", tmp_path / f"{'a' * 300}.{kind}"):
        assert main(["report", str(RUN), "--outcomes", str(path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"flowdrill: {path}: ")
        assert said.endswith("-> name another file, or make room\n")
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    def peak(copies: int) -> int:
        folder = tmp_path / f"{copies}"
        shutil.copytree(RUN, folder, dirs_exist_ok=True)
        (folder / "outcomes.bin").write_bytes(FILE_HEADER + RECORDED[RECORD_BYTES:] * copies)
        stream = open_outcomes(folder)
        tracemalloc.start()
        for _ in csv_lines(
            outcomes_in_turn(stream.records, stream.latency_objective_ns, stream.until_ns), stream.start
        ):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    chunk_bytes = CHUNK_RECORDS * RECORD_BYTES
    assert peak(1 + 3 * chunk_bytes // len(RECORDED)) < 2.5 * chunk_bytes, "more than two chunks of three, or objects"


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path) -> None:
    def load(name: str) -> ModuleType:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    with pytest.raises(MissingPartError, match=r"pip install 'flowdrill\[parquet\]'"):
        write_parquet(tmp_path / "a.parquet", [], START, load)
