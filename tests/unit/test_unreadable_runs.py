"""A folder that is none, lacks something, or is of another version: one clear error that says what to do, or the
report that can be made of it honestly."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from flowdrill.analysis.event_chain import GENESIS, hash_of_line, linked
from flowdrill.cli.main import main
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.runfolder.recognising import missing_files
from flowdrill.history.run_reports import RENDERERS, read_report
from flowdrill.model.provider_log import BASELINE_LOG, NOT_READ
from flowdrill.model.result import Verdict

GOLDEN = Path(__file__).parents[1] / "golden"
WHOLE = GOLDEN / "rollback-as-on-call"


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> Path:
    """A whole run with its reports."""
    return Path(shutil.copytree(WHOLE, tmp_path / "run"))


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What is said of the problem, and what is said to do."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert printed.err.startswith("flowdrill: ")
    problem, _, remedy = printed.err.removeprefix("flowdrill: ").partition("\n  -> ")
    return problem, remedy


def reports_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RENDERERS if (folder / name).exists()}


def make_newer(folder: Path, version: str = "99.1.0") -> None:
    """As a newer version would have written it."""
    first, *others = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    started = json.loads(first) | {"tool_version": version}
    (folder / "events.jsonl").write_bytes(json.dumps(started).encode() + b"\n" + b"".join(others))


def chain(folder: Path) -> list[bytes]:
    """As the lines are written since events are chained; returned are these."""
    previous, lines = GENESIS, []
    for line in (folder / "events.jsonl").read_bytes().splitlines():
        lines.append(linked(line, previous))
        previous = hash_of_line(lines[-1])
    (folder / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return lines


def test_what_is_no_run_folder_is_said_to_be_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, file, archive = tmp_path / "empty", tmp_path / "drill.yaml", tmp_path / "run.zip"
    empty.mkdir()
    file.write_text("")
    archive.write_text("")
    for path, said in (
        (tmp_path / "nowhere", "there is no such folder"),
        (file, "is a file, and no run folder"),
        (archive, "is an archive, and no run folder"),
        (empty, "is no run folder: neither plan.json nor events.jsonl is in it"),
    ):
        problem, remedy = error_of(["report", str(path)], capsys)
        assert problem == f"{path}: {said}"
        assert ("unpack it" in remedy) is (path is archive)
        assert ("name a folder that `flowdrill run` wrote" in remedy) is (path is not archive)
    assert list(empty.iterdir()) == []


def test_a_name_that_no_file_can_have_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    problem, _ = error_of(["report", "a" * 300], capsys)
    assert problem == f"{'a' * 300}: File name too long"


def test_evidence_is_looked_for_inside_the_folder_alone_whatever_its_name(run: Path) -> None:
    named = ["plan.json", "gone.txt", "../run/plan.json", "/etc/hostname", "a" * 300, "nul\0", "evidence/\ud800"]
    assert missing_files(run, named) == ["gone.txt", "a" * 300, "nul\0", "evidence/\ud800"]


def test_the_folder_around_runs_names_the_latest(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(run, run.parent / "run-2")
    problem, remedy = error_of(["report", str(run.parent)], capsys)
    assert problem == f"{run.parent}: is no run folder, and holds 2"
    assert str(run.parent / "run-2") in remedy


def test_every_reader_of_run_folders_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["replay"], ["pool"], ["report", "--outcomes", str(tmp_path / "a.csv")]):
        problem, _ = error_of([arguments[0], str(tmp_path), *arguments[1:]], capsys)
        assert problem == f"{tmp_path}: is no run folder: neither plan.json nor events.jsonl is in it"


@pytest.mark.parametrize("missing", ["plan.json", "events.jsonl"])
def test_without_what_was_recorded_nothing_is_made_up_and_the_reports_there_stay(
    run: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / missing).unlink()
    before = reports_of(run)
    problem, remedy = error_of(["report", str(run)], capsys)
    assert problem == f"{run / missing}: No such file or directory"
    assert "restore it from a copy" in remedy
    assert reports_of(run) == before


def test_without_a_result_the_report_is_made_from_what_was_recorded(run: Path) -> None:
    expected = reports_of(run)
    for name in RENDERERS:
        (run / name).unlink()
    assert main(["report", str(run)]) == 0
    assert reports_of(run) == expected


def test_a_result_that_was_cut_off_or_changed_is_made_anew(run: Path) -> None:
    expected = reports_of(run)
    (run / "result.json").write_bytes(expected["result.json"][:100])
    (run / "metrics.prom").write_text('flowdrill_run_verdict{verdict="pass"} 17')
    assert main(["report", str(run)]) == 0
    assert reports_of(run) == expected


def test_without_outcomes_the_report_says_that_they_are_missing(run: Path) -> None:
    ended = json.loads((run / "events.jsonl").read_bytes().splitlines()[-1])
    lines = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    (run / "events.jsonl").write_bytes(b"".join(lines[:-1]) + json.dumps(ended | {"outcomes": 1696}).encode() + b"\n")
    assert read_report(run).result.verdict is Verdict.PASS
    (run / "outcomes.bin").unlink()
    assert main(["report", str(run)]) == 0
    assert "outcomes.bin lacks" in (run / "report.md").read_text()
    assert (run / "report.md").read_text().startswith("## ❓ Inconclusive")


def test_evidence_that_is_missing_is_named_beside_the_report(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [one.path for one in read_report(run).result.evidence]
    for one in named[:-1]:
        (run / one).parent.mkdir(exist_ok=True)
        (run / one).write_text("")
    assert main(["report", str(run)]) == 0
    assert f"flowdrill: named as evidence, and not in the folder: {named[-1]}\n" in capsys.readouterr().err
    (run / named[-1]).write_text("")
    assert main(["report", str(run)]) == 0
    assert "named as evidence" not in capsys.readouterr().err
    for one in named:
        (run / one).unlink()
    assert main(["report", str(run)]) == 0
    assert f", and {len(named) - 5} more\n" in capsys.readouterr().err


def test_events_of_a_newer_version_name_both_versions(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_newer(run)
    with (run / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "people asked", "at_ns": 1}\n')
    before, number = reports_of(run), len((run / "events.jsonl").read_bytes().splitlines())
    problem, remedy = error_of(["report", str(run)], capsys)
    assert problem == f"{run / 'events.jsonl'}:{number}: not an event of this version"
    assert remedy.startswith("flowdrill 99.1.0 has made this run, and this is 0.1.0: use that version, or a newer one.")
    assert reports_of(run) == before


def test_a_plan_of_a_newer_version_names_the_key_and_both_versions(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_newer(run)
    plan = json.loads((run / "plan.json").read_text())
    plan["drill"]["moon"] = "full"
    (run / "plan.json").write_text(json.dumps(plan))
    problem, remedy = error_of(["report", str(run)], capsys)
    assert problem == f"{run / 'plan.json'}: is no plan of this version: moon: Extra inputs are not permitted"
    assert "flowdrill 99.1.0 has made this run" in remedy


def test_outcomes_of_a_newer_version_name_both_versions(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_newer(run)
    outcomes = (run / "outcomes.bin").read_bytes()
    (run / "outcomes.bin").write_bytes(outcomes.replace(b"outcomes 1", b"outcomes 2", 1))
    for more in ([], ["--outcomes", str(tmp_path / "a.csv")]):
        problem, remedy = error_of(["report", str(run), *more], capsys)
        assert "is no outcome file of this version" in problem
        assert "flowdrill 99.1.0 has made this run" in remedy
    assert not (tmp_path / "a.csv").exists()


def test_a_newer_run_that_says_nothing_new_is_reported_elsewhere_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_newer(run)
    before = reports_of(run)
    for more in ([], ["--format", "json"], ["--out", str(run / "again")]):
        problem, remedy = error_of(["report", str(run), *more], capsys)
        assert problem == f"{run}: its reports are a newer flowdrill's, and are not made anew by this one"
        assert "flowdrill 99.1.0 has made this run" in remedy
        assert "--out DIR" in remedy
    assert reports_of(run) == before
    assert not (run / "again").exists()
    assert main(["report", str(run), "--out", str(tmp_path / "elsewhere")]) == 0
    assert read_report(run).result.run.tool_version == "99.1.0"


@pytest.mark.parametrize("where", ["the event", "a part of it"])
def test_an_event_of_a_newer_run_that_says_more_is_one_error(
    where: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    event = json.loads(lines[-1])
    (event if where == "the event" else event["clock"])["new_meaning"] = "everything failed"
    (run / "events.jsonl").write_bytes(b"".join(lines[:-1]) + json.dumps(event).encode() + b"\n")
    assert read_report(run).result.verdict is Verdict.PASS, "this version writes no such thing"
    make_newer(run)
    problem, remedy = error_of(["report", str(run), "--out", str(tmp_path / "elsewhere")], capsys)
    assert problem.endswith(f":{len(lines)}: not an event of this version: 'new_meaning' is not known to it")
    assert "flowdrill 99.1.0 has made this run" in remedy


def test_an_event_that_was_changed_is_noted_and_the_verdict_stays(run: Path) -> None:
    unchained = read_report(run).result
    lines = chain(run)
    assert read_report(run).result.notes == unchained.notes, "the chain of an untouched run says nothing"
    del lines[-3]
    (run / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    result, at = read_report(run).result, len(lines) - 1
    said = f"events.jsonl was changed after it was written: line {at} does not follow from the one before"
    assert result.notes == (*unchained.notes, said)
    assert result.verdict is unchained.verdict


@pytest.mark.parametrize("version", ["", "0.0.9", "0.1.0", "one of these days", "9" * 10_000])
def test_a_damaged_run_of_this_or_an_older_version_is_not_said_to_be_a_newer_ones(
    run: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_newer(run, version)
    with (run / "events.jsonl").open("ab") as file:
        file.write(b"{}\n")
    _, remedy = error_of(["report", str(run)], capsys)
    assert "has made this run, and this is" not in remedy


def test_a_plan_that_was_cut_off_is_one_error_that_says_so(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = (run / "plan.json").read_bytes()
    for kept in (0, 1, len(plan) // 2):
        (run / "plan.json").write_bytes(plan[:kept])
        problem, remedy = error_of(["report", str(run)], capsys)
        assert problem.startswith(f"{run / 'plan.json'}: is no JSON: it was cut off, or changed (")
        assert "restore it from a copy" in remedy


@pytest.mark.parametrize("name", ["plan.json", "events.jsonl", "outcomes.bin"])
def test_a_folder_in_a_files_place_is_one_error(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (run / name).unlink()
    (run / name).mkdir()
    problem, _ = error_of(["report", str(run)], capsys)
    assert str(run / name) in problem
    assert "s a directory" in problem


@pytest.mark.timeout(60)  # without the check it waits for a writer
@pytest.mark.parametrize("name", ["plan.json", "events.jsonl", "outcomes.bin", "controls.json", "guard.jsonl"])
def test_a_pipe_in_a_files_place_is_one_error_and_nobody_waits(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    problem, _ = error_of(["report", str(run)], capsys)
    assert str(run / name) in problem
    assert "is no file" in problem


@pytest.mark.parametrize("at", [0, -1], ids=["start", "end"])
@pytest.mark.parametrize("utc_ns", [10**22, -(10**22), 10**30])
def test_a_time_that_no_clock_shows_is_one_error(
    utc_ns: int, at: int, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.loads(line) for line in (run / "events.jsonl").read_bytes().splitlines()]
    lines[at]["clock"]["utc_ns"] = utc_ns
    (run / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    commands = [["report", str(run)]]
    if at == 0:
        commands += [["replay", str(run)], ["report", str(run), "--outcomes", str(tmp_path / "a.csv")]]
    for command in commands:
        problem, _ = error_of(command, capsys)
        assert problem.endswith(": not an event of this version")
    assert list(tmp_path.glob("*.csv")) == []


def test_logs_of_the_provider_that_are_outside_of_the_folder_are_not_read(run: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / BASELINE_LOG).write_text("")
    (run / "evidence").symlink_to(tmp_path / "outside")
    assert read_run(run).provider == NOT_READ


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_one_error(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "events.jsonl").chmod(0)
    problem, _ = error_of(["report", str(run)], capsys)
    assert problem == f"{run / 'events.jsonl'}: Permission denied"


def test_a_monotonic_time_of_more_than_64_bits_is_one_error(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (run / "events.jsonl").read_text("utf-8").splitlines()
    last = json.loads(lines[-1])
    lines[-1] = json.dumps({**last, "at_ns": 10**400})
    (run / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    problem, _ = error_of(["report", str(run)], capsys)
    assert problem.endswith(f"events.jsonl:{len(lines)}: not an event of this version")
