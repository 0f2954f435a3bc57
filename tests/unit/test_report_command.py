"""`flowdrill report`: which formats, and where they go."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.runfolder.run_files import SUMS
from flowdrill.errors import PlanError
from flowdrill.history.reporting import FILES, OF_A_RUN, Format, formats_of, places_of
from flowdrill.history.run_reports import RENDERERS
from flowdrill.history.sealing import seal

GOLDEN = Path(__file__).parents[1] / "golden"
SHORT = GOLDEN / "image-gone"


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Path:
    """A run folder without a report."""
    folder = tmp_path / "reports" / "run.of-today"
    shutil.copytree(SHORT, folder, ignore=shutil.ignore_patterns(*RENDERERS))
    return folder


def files_in(folder: Path) -> set[str]:
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}


def test_without_a_format_everything_that_a_run_writes_is_in_its_folder(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = files_in(run)
    assert main(["report", str(run)]) == 0
    assert files_in(run) - recorded == set(RENDERERS)
    said = capsys.readouterr()
    assert said.out.startswith("FAIL: ")
    assert said.err == f"report: {run / 'report.html'}\n"


def test_only_the_formats_that_were_asked_for_are_written(run: Path) -> None:
    recorded = files_in(run)
    assert main(["report", str(run), "--format", "markdown,junit", "--format", "junit,openmetrics"]) == 0
    assert files_in(run) - recorded == {"report.md", "junit.xml", "metrics.prom"}
    for name in files_in(run) - recorded:
        assert (run / name).read_bytes() == (SHORT / name).read_bytes()


def test_out_is_a_folder_for_all_that_a_run_writes_and_the_run_stays_as_it_is(run: Path, tmp_path: Path) -> None:
    recorded, out = files_in(run), tmp_path / "new" / "folder"
    assert main(["report", str(run), "--out", str(out)]) == 0
    assert files_in(run) == recorded
    assert files_in(out) == set(RENDERERS)


def test_out_is_a_file_where_there_is_one_format(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "junit-of-drill.xml"
    assert main(["report", str(run), "--format", "junit", "--out", str(out), "--json"]) == 0
    assert out.read_bytes() == (SHORT / "junit.xml").read_bytes()
    said = capsys.readouterr()
    assert said.out == (SHORT / "result.json").read_text()
    assert said.err == f"report: {out}\n"


@pytest.mark.parametrize("form", [one for one in Format if one is not Format.PDF])
def test_one_format_goes_to_standard_output_and_nothing_else(
    form: Format, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = files_in(run)
    assert main(["report", str(run), "--format", form, "--out", "-"]) == 0
    assert capsys.readouterr().out == (SHORT / FILES[form]).read_text()
    assert files_in(run) == recorded


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "docx"], "--format 'docx': is no format"),
        (["--format", "html,"], "--format '': is no format"),
        (["--format", "html\x1b[31m"], r"\x1b[31m"),
        (["--out", "-"], "standard output takes one format"),
        (["--format", "html,junit", "--out", "-"], "standard output takes one format"),
        (["--format", "junit", "--out", "-", "--json"], "standard output takes one format"),
        (["--format", "pdf", "--out", "-"], "a PDF is not written to standard output"),
        (["--format", "html,junit", "--out", __file__], "is a file, and there are 2 formats"),
        (["--format", "html", "--out", f"{__file__}/report.html"], f"{__file__}: is no folder"),
        (["--format", "html", "--out", "a" * 300], "File name too long"),
        (["--format", "html", "--out", "a" * 300 + ".html"], "File name too long"),
        (["--outcomes", "outcomes.xlsx"], "end it with .csv or .parquet"),
        (["--outcomes", "outcomes.csv"], "no request was sent in this run"),
    ],
)
def test_what_cannot_be_done_is_one_error_and_nothing_is_written(
    arguments: list[str], said: str, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parent)
    recorded = files_in(run.parent)
    assert main(["report", str(run), *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert files_in(run.parent) == recorded


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "json", "--out", "events.jsonl"],
        ["--format", "markdown", "--out", "outcomes.bin"],
        ["--format", "html", "--out", "SHA256SUMS.d/../plan.json"],
        ["--out", "evidence"],
        ["--format", "html", "--out", "load/page.html"],
        ["--outcomes", "load/locust_stats.csv"],
    ],
)
def test_nothing_that_was_recorded_is_written_over(
    arguments: list[str], run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("load", "evidence", "SHA256SUMS.d"):
        (run / folder).mkdir()
    (run / "load" / "locust_stats.csv").write_text("Locust's")
    recorded = {name: (run / name).read_bytes() for name in files_in(run)}
    monkeypatch.chdir(run)
    assert main(["report", ".", *arguments]) == 2
    assert f"is what the run {run.name} has recorded" in capsys.readouterr().err
    assert {name: (run / name).read_bytes() for name in files_in(run)} == recorded


def test_such_a_name_anywhere_else_is_as_good_as_any(run: Path, tmp_path: Path) -> None:
    assert main(["report", str(run), "--out", str(tmp_path / "evidence")]) == 0
    assert main(["report", str(run), "--format", "json", "--out", str(tmp_path / "events.jsonl")]) == 0


def test_a_pdf_goes_beside_the_run_so_that_a_sealed_one_stays_as_it_was_sealed() -> None:
    places = places_of(Path("reports/run.1"), [Format.HTML, Format.PDF], None)
    assert places == {Format.HTML: Path("reports/run.1/report.html"), Format.PDF: Path("reports/run.1.pdf")}
    for folder in (Path(), Path("tests/..")):
        assert places_of(folder, [Format.PDF], None)[Format.PDF] == Path.cwd().parent / f"{Path.cwd().name}.pdf"


def test_what_out_names_is_a_folder_unless_it_is_one_formats_file(tmp_path: Path) -> None:
    one, both = [Format.PDF], [Format.PDF, Format.JSON]
    assert places_of(Path("run"), one, tmp_path / "a.pdf") == {Format.PDF: tmp_path / "a.pdf"}
    assert places_of(Path("run"), one, tmp_path / "a") == {Format.PDF: tmp_path / "a" / "report.pdf"}
    assert set(places_of(Path("run"), both, tmp_path / "v1.2").values()) == {
        tmp_path / "v1.2" / "report.pdf",
        tmp_path / "v1.2" / "result.json",
    }
    (tmp_path / "v1.3").mkdir()
    assert places_of(Path("run"), one, tmp_path / "v1.3") == {Format.PDF: tmp_path / "v1.3" / "report.pdf"}


def test_a_report_made_anew_changes_nothing_of_a_sealed_run(run: Path) -> None:
    assert main(["report", str(run)]) == 0
    seal(run, None, None)
    assert main(["report", str(run), "--format", ",".join(OF_A_RUN)]) == 0
    assert main(["verify", str(run)]) == 3, "nothing was changed, and nobody has signed"
    for line in (run / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == digest


def test_formats_are_each_taken_once_in_their_order() -> None:
    assert formats_of(["pdf, html", "html"]) == (Format.PDF, Format.HTML)
    assert formats_of([]) == ()
    with pytest.raises(PlanError):
        formats_of(["HTML"])


def test_without_the_extras_all_else_works_and_the_error_says_what_to_install(run: Path) -> None:
    script = (
        "import shlex, sys\n"
        "for name in ('weasyprint', 'tinycss2', 'cssselect2', 'pyarrow'): sys.modules[name] = None\n"
        "from flowdrill.cli.main import main\n"
        "codes = [int(main(['report', *shlex.split(line)])) for line in sys.argv[1:]]\n"
        "sys.exit(str(codes))\n"
    )
    recorded, table = files_in(run.parent), run.parent / "outcomes.parquet"
    lines = (f"{run} --format json,pdf", f"{GOLDEN / 'noisy-baseline'} --outcomes {table}", f"{run} --json --out {run}")
    command = [sys.executable, "-c", script, *lines]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "[2, 2, 0]" in done.stderr
    assert "pip install 'flowdrill[pdf]'" in done.stderr
    assert "pip install 'flowdrill[parquet]'" in done.stderr
    assert "report.html" in done.stderr
    assert json.loads(done.stdout)["verdict"] == "fail"
    made = files_in(run.parent) - recorded
    assert made == {f"{run.name}/{name}" for name in RENDERERS}, "neither half a table nor a PDF"
