"""A site of run folders: what is read, what is read again, what is written, and what is never touched."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdrill.analysis.ledger_chain import appended, ledger_text
from flowdrill.cli.main import main
from flowdrill.edges.sitefolder.run_index import INDEX
from flowdrill.edges.sitefolder.site_folder import MANIFEST, site_folder
from flowdrill.model.ledger import Ledger

GOLDEN = Path(__file__).parents[1] / "golden"
PAGES = ["evidence.html", "index.html", "ledger.html", "matrix.html", "trends.html"]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Three recorded runs."""
    for name in ("image-gone", "rollback-as-on-call", "statefulset"):
        shutil.copytree(GOLDEN / name, tmp_path / "reports" / name)
    return tmp_path / "reports"


def ledger_of_two() -> str:
    """The first entry by the recorded run, the second by hand."""
    ledger = Ledger("ledger.jsonl")
    for by in ("20261122T222156Z-edge-missing-statefulset-0016d3", "by-hand@vm"):
        at = datetime(2026, 11, 23, tzinfo=UTC)
        ledger = appended(
            ledger, digest="sha256:" + "1" * 64, reference="registry.example/flow:1", verified_at=at, by=by, note=""
        )
    return ledger_text(ledger)


Built = Callable[..., dict[str, object]]


@pytest.fixture
def build(reports: Path, capsys: pytest.CaptureFixture[str]) -> Built:
    """Builds the site and returns what was told."""

    def built(*options: str) -> dict[str, object]:
        assert main(["site", str(reports), "--as-of", "2026-11-30", "--json", *options]) == 0
        told: dict[str, object] = json.loads(capsys.readouterr().out)
        return told

    return built


def pages_of(site: Path) -> dict[str, bytes]:
    return {page.name: page.read_bytes() for page in site.glob("*.html")}


def settle(site: Path) -> None:
    """As if the files had been there for a while: those written just now are always read again. A file's ctime cannot
    be set, so the index is told what it would have kept."""
    lines = [json.loads(line) for line in (site / INDEX).read_text().splitlines()]
    for one in lines[1:]:
        folder = site.parent / one["run"]["folder"]
        stamps = [
            (path.name, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
            for path in folder.iterdir()
            if path.name in ("result.json", "plan.json", "events.jsonl", "guard.jsonl", "outcomes.bin")
            for seen in [path.stat()]
        ]
        one["stamp"] = json.dumps([sorted(stamps), (folder / "report.html").exists()])
    (site / INDEX).write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_a_site_is_made_from_the_folders_alone(reports: Path, build: Built) -> None:
    before = {path: path.read_bytes() for path in reports.rglob("*") if path.is_file()}
    told = build()
    assert (told["runs"], told["read_anew"], told["unreadable"]) == (3, 3, [])
    assert told["evidence"] == {"valid": 2, "failed since": 0, "expired": 0, "never passed": 0}
    assert {path: path.read_bytes() for path in before} == before, "a run folder was changed"
    names = sorted(pages_of(reports / "site"))
    assert [name for name in names if not name.startswith("trend-")] == PAGES
    assert len(names) == len(PAGES) + 2
    index = (reports / "site" / "index.html").read_text()
    for name in ("image-gone", "rollback-as-on-call", "statefulset"):
        assert f'href="../{name}/report.html"' in index


def test_the_same_folders_and_day_give_the_same_bytes(reports: Path, build: Built) -> None:
    build()
    first = pages_of(reports / "site")
    build()
    assert pages_of(reports / "site") == first
    build("--rebuild")
    assert pages_of(reports / "site") == first
    shutil.rmtree(reports / "site")
    build()
    assert pages_of(reports / "site") == first


def test_only_what_has_changed_is_read_again(reports: Path, build: Built) -> None:
    build()
    settle(reports / "site")
    assert build()["read_anew"] == 0
    settle(reports / "site")
    result = reports / "statefulset" / "result.json"
    result.write_text(result.read_text().replace('"verdict": "pass"', '"verdict": "fail"'))
    told = build()
    assert told["read_anew"] == 1
    assert told["evidence"] == {"valid": 1, "failed since": 0, "expired": 0, "never passed": 1}
    assert build("--rebuild")["read_anew"] == 3


def test_a_change_that_keeps_size_and_time_is_seen(reports: Path, build: Built) -> None:
    build()
    settle(reports / "site")
    result = reports / "statefulset" / "result.json"
    seen = result.stat()
    with result.open("r+b") as file:
        at = file.read().index(b'"verdict": "pass"')
        file.seek(at)
        file.write(b'"verdict": "fail"')
    os.utime(result, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert build()["read_anew"] == 1


def test_what_was_written_just_now_is_looked_at_again_whatever_its_times_say(reports: Path, build: Built) -> None:
    build()
    rows = [json.loads(line) for line in (reports / "site" / INDEX).read_text().splitlines()[1:]]
    assert [row["stamp"] for row in rows] == ["", "", ""]
    assert build()["read_anew"] == 0, "their bytes are what they were"


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"[]\n", b"{}\n{}\n", b'{"form":1}\n{"run":{}}\n'])
def test_an_index_that_cannot_be_read_is_as_none(damage: bytes, reports: Path, build: Built) -> None:
    build()
    first = pages_of(reports / "site")
    (reports / "site" / INDEX).write_bytes(damage)
    assert build()["read_anew"] == 3
    assert pages_of(reports / "site") == first


def test_a_line_of_the_index_that_is_torn_costs_that_run_alone(reports: Path, build: Built) -> None:
    build()
    settle(reports / "site")
    lines = (reports / "site" / INDEX).read_text().splitlines()
    (reports / "site" / INDEX).write_text("\n".join([*lines[:-1], lines[-1][:50]]))
    assert build()["read_anew"] == 1


def test_a_run_that_is_removed_goes_with_the_pages_that_only_it_had(reports: Path, build: Built) -> None:
    build()
    shutil.rmtree(reports / "statefulset")
    assert build()["runs"] == 2
    assert not list((reports / "site").glob("trend-edge-missing-statefulset-*.html"))
    assert "statefulset" not in (reports / "site" / "index.html").read_text()


def test_a_run_without_a_result_is_made_from_what_was_recorded(reports: Path, build: Built) -> None:
    for name in ("result.json", "report.html"):
        (reports / "statefulset" / name).unlink()
    told = build()
    assert (told["runs"], told["evidence"]["valid"]) == (3, 2)  # type: ignore[index]
    index = (reports / "site" / "index.html").read_text()
    assert "it has no result.json: it is going on, or was cut off" in index
    assert "(No report.html: flowdrill report statefulset)" in index
    assert not (reports / "statefulset" / "result.json").exists()


def test_a_damaged_result_is_made_anew_and_the_site_says_so(reports: Path, build: Built) -> None:
    result = reports / "statefulset" / "result.json"
    result.write_text(result.read_text()[:500])
    assert build()["evidence"]["valid"] == 2  # type: ignore[index]
    assert "result.json is damaged" in (reports / "site" / "index.html").read_text()


@pytest.mark.parametrize("told_by", ["result.json", "events.jsonl"])
def test_a_run_of_a_newer_version_is_not_judged_anew_by_this_one(told_by: str, reports: Path, build: Built) -> None:
    run = reports / "statefulset"
    result = json.loads((run / "result.json").read_text()) | {"verdict": "fail", "new_block": {}}
    if told_by == "result.json":
        result["run"]["tool_version"] = "99.0"
    else:
        first, rest = (run / "events.jsonl").read_text().split("\n", 1)
        (run / "events.jsonl").write_text(json.dumps(json.loads(first) | {"tool_version": "99.0"}) + "\n" + rest)
    (run / "result.json").write_text(json.dumps(result))
    told = build()
    [unreadable] = told["unreadable"]  # type: ignore[misc, attr-defined]
    assert "new_block: Extra inputs are not permitted" in unreadable["reason"]
    assert "flowdrill 99.0 has made this run" in unreadable["remedy"]
    assert told["evidence"]["valid"] == 1  # type: ignore[index]


def test_a_result_of_this_version_with_something_added_is_made_anew(reports: Path, build: Built) -> None:
    result = reports / "statefulset" / "result.json"
    result.write_text(json.dumps(json.loads(result.read_text()) | {"new_block": {}}))
    assert build()["unreadable"] == []
    assert "is not what this version of flowdrill writes" in (reports / "site" / "index.html").read_text()


def test_a_run_with_a_sites_file_in_it_is_still_a_run(reports: Path, build: Built) -> None:
    (reports / "image-gone" / MANIFEST).write_text("{}")
    assert build()["runs"] == 3


def test_what_cannot_be_read_is_listed_with_its_reason_and_stops_nothing(reports: Path, build: Built) -> None:
    for name, content in {
        "newer": b'{"schema": "flowdrill.dev/result/v2", "run": {}}',
        "cut-off": b'{"schema": "flowdrill.dev/res',
        "no-time": (reports / "statefulset" / "result.json").read_bytes().replace(b"2026-11-22T22:21:56.680Z", b"once"),
        "deep": b"[" * 100_000,
    }.items():
        (reports / name).mkdir()
        (reports / name / "result.json").write_bytes(content)
    (reports / "fifo").mkdir()
    os.mkfifo(reports / "fifo" / "result.json")
    (reports / "notes").mkdir()
    told = build()
    assert told["runs"] == 3
    reasons = {one["folder"]: one["reason"] for one in told["unreadable"]}  # type: ignore[attr-defined]
    assert sorted(reasons) == ["cut-off", "deep", "fifo", "newer", "no-time", "notes"]
    for name, said in {
        "newer": "result.json is from another version of flowdrill: its schema is flowdrill.dev/result/v2",
        "cut-off": "result.json is damaged",
        "no-time": "no time of its start",
        "deep": "nests deeper",
        "fifo": "result.json: is no file",
        "notes": "is no run",
    }.items():
        assert said in reasons[name]
        assert str(reports) not in reasons[name]
    index = (reports / "site" / "index.html").read_text()
    assert "6 folders could not be read" in index
    assert "6 folders could not be read" in (reports / "site" / "trends.html").read_text()


@pytest.mark.timeout(60)  # without the check it waits for a writer
@pytest.mark.parametrize("name", ["events.jsonl", "controls.json"])
def test_a_pipe_in_a_run_that_is_read_anew_stops_nothing(name: str, reports: Path, build: Built) -> None:
    (reports / "statefulset" / "result.json").unlink()
    (reports / "statefulset" / name).unlink(missing_ok=True)
    os.mkfifo(reports / "statefulset" / name)
    [unreadable] = build()["unreadable"]  # type: ignore[misc, attr-defined]
    assert f"{name}: is no file" in unreadable["reason"]


def test_summaries_of_several_runs_and_other_sites_are_no_runs(reports: Path, build: Built, tmp_path: Path) -> None:
    (reports / "20261122T000000Z-edge-missing-repeats").mkdir()
    (reports / "20261122T000000Z-edge-missing-repeats" / "repeats.json").write_text("{}")
    (reports / ".cache").mkdir()
    (reports / "README.md").write_text("about these")
    build()
    told = build("--out", str(tmp_path / "elsewhere" / "site"))
    assert (told["runs"], told["unreadable"]) == (3, [])
    assert 'href="../../reports/statefulset/report.html"' in (tmp_path / "elsewhere/site/index.html").read_text()


def test_a_folder_of_somebody_elses_is_left_as_it_is(
    reports: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "index.html").write_text("mine")
    assert main(["site", str(reports), "--out", str(out)]) == 2
    assert "is not empty, and is no site that flowdrill has made" in capsys.readouterr().err
    assert [(one.name, one.read_text()) for one in out.iterdir()] == [("index.html", "mine")]


def test_files_of_somebody_elses_in_a_site_stay(
    reports: Path, build: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    site = reports / "site"
    (site / "mine.html").write_text("mine")
    page = next(site.glob("trend-edge-missing-statefulset-*.html"))
    page.write_text("mine now")  # ours by its name, and no longer by what is in it
    shutil.rmtree(reports / "statefulset")
    build()
    assert ((site / "mine.html").read_text(), page.read_text()) == ("mine", "mine now")
    shutil.copytree(GOLDEN / "statefulset", reports / "statefulset")
    assert main(["site", str(reports)]) == 2
    assert f"{page}: is no page of this site" in capsys.readouterr().err
    assert page.read_text() == "mine now"


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        '{"schema": "flowdrill.dev/site/v2", "pages": {}}',
        json.dumps({"schema": "flowdrill.dev/site/v1", "pages": {"../reports/statefulset/plan.json": "0" * 64}}),
        json.dumps({"schema": "flowdrill.dev/site/v1", "pages": {"index.html": "x"}}),
    ],
)
def test_a_manifest_that_is_none_of_ours_is_refused(
    manifest: str, reports: Path, build: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    build()
    (reports / "site" / MANIFEST).write_text(manifest)
    before = pages_of(reports / "site")
    assert main(["site", str(reports)]) == 2
    assert "is damaged, or another version's" in capsys.readouterr().err
    assert pages_of(reports / "site") == before


def test_a_build_that_was_killed_is_finished_by_the_next_one(reports: Path, build: Built) -> None:
    build()
    site = reports / "site"
    whole = pages_of(site)
    (site / "matrix.html").write_text("<half")
    (site / "trends.html").unlink()
    (site / INDEX).unlink()
    build()
    assert pages_of(site) == whole


def test_two_builds_at_once_do_not_mix(reports: Path, build: Built, capsys: pytest.CaptureFixture[str]) -> None:
    build()
    with site_folder(reports / "site"):
        assert main(["site", str(reports)]) == 2
        assert "another build is writing it" in capsys.readouterr().err
    build()


@pytest.mark.skipif(os.getuid() == 0 and not Path("/dev/full").exists(), reason="nothing refuses root")
def test_a_folder_that_cannot_be_made_is_one_error(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", str(reports), "--out", "/dev/full/site"]) == 2
    assert "/dev/full/site: Not a directory" in capsys.readouterr().err


def test_a_ledger_is_shown_and_a_broken_one_as_far_as_it_holds(
    reports: Path, build: Built, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(ledger_of_two())
    assert build("--ledger", str(ledger))["broken_ledgers"] == []
    page = (reports / "site" / "ledger.html").read_text()
    assert "the chain is unbroken" in page
    assert 'href="../statefulset/report.html">20261122T222156Z-edge-missing-statefulset-0016d3' in page
    lines = ledger_of_two().splitlines()
    ledger.write_text("\n".join([lines[0], lines[1].replace("by-hand", "nobody")]) + "\n")
    assert build("--ledger", str(ledger))["broken_ledgers"] == [str(ledger)]
    page = (reports / "site" / "ledger.html").read_text()
    assert "the chain is broken at entry 2" in page
    assert "statefulset-0016d3" in page
    assert "nobody" not in page


def test_the_answer_for_people_says_what_was_read(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reports / "no\x1b[31m").mkdir()
    assert main(["site", str(reports), "--as-of", "2027-11-30", "--expires-after", "30d"]) == 0
    printed = capsys.readouterr()
    assert "3 runs, 3 of them read anew; 1 folder could not be read" in printed.out
    assert "evidence as of 2027-11-30, for 30 days: 0 valid, 0 failed since, 2 expired" in printed.out
    assert "is no run" in printed.err
    assert "\x1b" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: No such file or directory"),
        ([str(GOLDEN / "statefulset")], "is a run itself"),
        ([".", "--as-of", "30.11.2026"], "--as-of '30.11.2026': is no day"),
        ([".", "--expires-after", "90"], "--expires-after: needs a duration"),
        ([".", "--expires-after", "36h"], "is no number of whole days"),
        ([".", "--expires-after", "0d"], "is no number of whole days"),
        ([".", "--ledger", "nowhere.jsonl"], "nowhere.jsonl: is no file"),
    ],
)
def test_what_no_site_can_be_made_of_is_one_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["site", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_runs_gives_a_site_that_says_so(tmp_path: Path) -> None:
    assert main(["site", str(tmp_path)]) == 0
    for name in PAGES:
        assert "<h1>" in (tmp_path / "site" / name).read_text()
    assert "There are no runs here yet" in (tmp_path / "site" / "index.html").read_text()
