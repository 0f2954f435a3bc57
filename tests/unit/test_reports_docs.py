"""docs/reports.md: its commands do what it says, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.history.reporting import FILES, OF_A_RUN, Format
from flowdrill.history.run_reports import read_report
from flowdrill.model.outcome import Reason
from flowdrill.model.result import Report
from flowdrill.report.junit import render_junit
from flowdrill.report.openmetrics import render_openmetrics
from flowdrill.report.outcomes_csv import COLUMNS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
RUN = ROOT / "tests" / "golden" / "noisy-baseline"
COMMANDS = re.findall(r"(?m)^flowdrill (report RUN[^#\n]*)", PAGE)


@pytest.fixture(scope="module", name="report")
def _report() -> Report:
    return read_report(ROOT / "tests" / "golden" / "rollback-as-on-call")


@pytest.mark.parametrize("command", [one for one in COMMANDS if "pdf" not in one])
def test_every_command_of_the_page_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(RUN, tmp_path / "RUN")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    assert main(words) == 0, capsys.readouterr().err
    for option in ("--out", "--outcomes"):
        if option in words and words[words.index(option) + 1] != "-":
            assert Path(words[words.index(option) + 1]).exists()


def test_the_pdf_is_where_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "report RUN --format pdf" in [one.strip() for one in COMMANDS]
    shutil.copytree(RUN.parent / "image-gone", tmp_path / "RUN")
    monkeypatch.chdir(tmp_path)
    if main(["report", "RUN", "--format", "pdf"]) == 2:
        said = capsys.readouterr().err
        assert said.startswith("flowdrill: a PDF needs ")
        pytest.skip(said)
    assert (tmp_path / "RUN.pdf").read_bytes().startswith(b"%PDF-")
    assert not (tmp_path / "RUN" / "report.pdf").exists()


def test_every_format_and_its_file_are_in_the_table() -> None:
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \| `([\w.]+)`", PAGE.partition("\n## ")[0]))
    assert rows == {one.value: FILES[one] for one in OF_A_RUN} | {Format.PDF.value: "RUN.pdf"}


def test_every_metric_of_the_page_is_written_and_every_one_that_is_written_is_on_the_page(report: Report) -> None:
    limited = report.model_copy(
        update={"result": report.result.model_copy(update={"limits": report.result.checks[:1]})}
    )
    written = set(re.findall(r"(?m)^# TYPE (\w+)", render_openmetrics(limited)))
    assert set(re.findall(r"\bflowdrill_\w+", PAGE)) == written
    sample = re.search(r"(?m)^flowdrill_measure_seconds\{.*\} (\S+)$", PAGE)
    assert sample is not None
    assert f'measure="time_to_recover"}} {sample[1]}\n' in render_openmetrics(report)


def test_every_column_and_every_reason_is_on_the_page() -> None:
    section = PAGE.partition("## Every request")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_]+)`", section)
    for name in (*COLUMNS, *(reason.name.lower() for reason in Reason)):
        assert name in named


def test_every_property_of_the_page_is_in_the_junit_file(report: Report) -> None:
    section = PAGE.partition("## JUnit")[2].partition("\n## ")[0]
    names = re.findall(r"`([a-z_]+)`", section.partition("The suite's properties")[2])
    assert len(names) > 12
    audited = read_report(ROOT / "tests" / "golden" / "audited")
    written = render_junit(report) + render_junit(audited)
    assert [name for name in names if f'<property name="{name}"' not in written] == []
