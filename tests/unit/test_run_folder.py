"""The run folder: durable, readable after a crash, and closed to whatever names and texts a cluster brings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import RunFolderError
from flowdrill.history.run_reports import write_reports
from flowdrill.model.events import Noted, RunStarted
from flowdrill.model.outcome import FILE_HEADER, Reason, Record, RecordKind
from flowdrill.model.undo import Undo
from tests.fakes.world import SCENARIO, World, drill_of

STARTED = datetime(2026, 11, 22, 21, 0, 0, tzinfo=UTC)
DRILL = drill_of(rollback={"as": "on-call", "limit": "90s"}, hold="1m30s")


def new_folder(out: Path, *secrets: str) -> RunFolder:
    return RunFolder.create(out, DRILL, SCENARIO, STARTED, secrets)


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    world = World(drill=DRILL)
    world.run()
    with new_folder(tmp_path) as folder:
        for event in world.events:
            folder.emit(event)
        records = b"".join(record.pack() for record in world.load.records)
        (folder.path / "outcomes.bin").write_bytes(FILE_HEADER + records)
    assert folder.path.name == "20261122T210000Z-edge-missing"
    assert read_run(folder.path) == world.record()


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    with new_folder(tmp_path) as one, new_folder(tmp_path) as other:
        assert one.path != other.path


def test_what_a_killed_run_left_is_read_up_to_the_torn_line(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        folder.emit(Noted(at_ns=1, text="whole"))
        folder.emit(Noted(at_ns=2, text="torn"))
    events = folder.path / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-9])
    record = Record(RecordKind.SENT, Reason.GOOD, 0, 1, 2, 3, 0).pack()
    (folder.path / "outcomes.bin").write_bytes(FILE_HEADER + record + record[:7])
    read = read_run(folder.path)
    assert read.events == (Noted(at_ns=1, text="whole"),)
    assert len(read.records) == 1
    assert read.torn == ("events.jsonl", "outcomes.bin")


def test_the_plan_is_there_before_the_first_event_can_be(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        assert (folder.path / "plan.json").stat().st_size > 0
        assert (folder.path / "events.jsonl").stat().st_size == 0
        assert not list(folder.path.glob(".*")), "nothing half written"


def test_evidence_replaces_what_had_its_name_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        folder.save("log", "one")
        with (folder.path / "evidence" / "log").open() as reading:
            folder.save("log", "two")
            assert reading.read() == "one"
        assert (folder.path / "evidence" / "log").read_text() == "two"
        assert [one.name for one in (folder.path / "evidence").iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plan.json", "{", "plan.json"),
        ("plan.json", "{}", "has no 'drill'"),
        (
            "plan.json",
            '{"drill": {"drill": 1}, "scenario": {}}',
            "is no plan of this version: drill: Input should be a valid string",
        ),
        ("events.jsonl", '{"event": "from the future"}\n', r"events\.jsonl:1: not an event"),
        ("events.jsonl", "", "holds no whole event"),
        ("outcomes.bin", "x" * 100, "no outcome file"),
    ],
)
def test_a_damaged_folder_is_said_to_be_damaged(tmp_path: Path, name: str, content: str, said: str) -> None:
    with new_folder(tmp_path) as folder:
        folder.emit(Noted(at_ns=1, text="whole"))
    (folder.path / name).write_text(content)
    with pytest.raises(RunFolderError, match=said):
        read_run(folder.path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "a/b", "\x1b[31m", "log-" + "x" * 500])
def test_no_name_leads_out_of_the_evidence_folder(tmp_path: Path, name: str) -> None:
    with new_folder(tmp_path) as folder:
        saved = folder.path / folder.save(name, "text\udcff")
    assert saved.parent == folder.path / "evidence"
    assert saved.is_file()


def test_the_api_key_never_reaches_the_events(tmp_path: Path) -> None:
    with new_folder(tmp_path, 'key"with\\quotes') as folder:
        folder.emit(Noted(at_ns=1, text='the server said: key"with\\quotes is wrong'))
    (note,) = read_run(folder.path).events
    assert note == Noted(at_ns=1, text="the server said: [redacted] is wrong")


def test_the_api_key_never_reaches_the_evidence(tmp_path: Path) -> None:
    with new_folder(tmp_path, "", 'key"with\\quotes') as folder:
        saved = folder.path / folder.save("log", 'the server said: key"with\\quotes is wrong')
    assert saved.read_text() == "the server said: [redacted] is wrong"


def test_reports_that_cannot_be_written_are_one_clear_error(tmp_path: Path) -> None:
    world = World(drill=DRILL)
    world.run()
    with new_folder(tmp_path) as folder:
        for event in world.events:
            folder.emit(event)
    (folder.path / "report.html").mkdir()  # nothing can be put in its place
    with pytest.raises(RunFolderError, match=r"report\.html: Is a directory") as caught:
        write_reports(folder.path)
    assert f"`flowdrill report {folder.path}`" in caught.value.remedy


def test_the_undo_is_on_disk_when_it_is_said_to_be(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        folder.remember_undo(Undo("run", "deployment/a", "ns", "c", "image", None, "host"))
        assert '"image": "image"' in (folder.path / "undo.json").read_text()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="file"):
        new_folder(tmp_path / "file")


def test_a_plan_is_read_back_with_its_units(tmp_path: Path) -> None:
    with new_folder(tmp_path) as folder:
        folder.emit(RunStarted(1, "r", "0", "sha256:0", World().time.pair(), "c", "v", "h"))
    assert read_run(folder.path).drill == DRILL
