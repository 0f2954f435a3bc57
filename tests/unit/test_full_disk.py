"""A disk that is full at some instant of a run: the kernel itself refuses to let a file grow (RLIMIT_FSIZE)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import RunFolderError
from flowdrill.history import run_reports
from flowdrill.history.run_reports import write_reports
from flowdrill.model.events import Event
from flowdrill.model.outcome import FILE_HEADER
from flowdrill.model.result import Report
from tests.fakes.full_disk import files_up_to
from tests.fakes.world import World

STARTED = datetime(2026, 11, 22, 21, 0, 0, tzinfo=UTC)


def run_with_disk_of(size_bytes: int, world: World, out: Path) -> Path:
    """Carry out a run in a folder whose files grow no further; return the folder."""
    with RunFolder.create(out, world.drill, world.scenario, STARTED) as folder:
        (folder.path / "outcomes.bin").write_bytes(FILE_HEADER)
        emit = world.emit

        def written(event: Event) -> None:
            emit(event)
            folder.emit(event)

        world.emit = written  # type: ignore[method-assign]
        with files_up_to(size_bytes):
            outcome = world.run()
    assert isinstance(outcome.error, RunFolderError)
    assert "events.jsonl" in outcome.error.problem
    return folder.path


@pytest.mark.parametrize("size_bytes", [1_000, 3_000, 6_000, 9_000, 11_000, 14_000])
def test_a_disk_that_fills_up_keeps_nothing_from_being_put_back_and_the_folder_can_be_read(
    tmp_path: Path, size_bytes: int
) -> None:
    world = World()
    path = run_with_disk_of(size_bytes, world, tmp_path)
    assert world.problems_left() == []
    read = read_run(path)
    assert 0 < len(read.events) < len(world.events)
    left = iter(world.events)
    assert all(one in left for one in read.events), "each is whole, and they are in their order"
    assert write_reports(path).result.verdict == "inconclusive"


def test_a_report_that_cannot_be_made_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(report: Report) -> str:
        raise ZeroDivisionError(report.result.verdict)

    world = World()
    world.run()
    with RunFolder.create(tmp_path, world.drill, world.scenario, STARTED) as folder:
        (folder.path / "outcomes.bin").write_bytes(FILE_HEADER + b"".join(one.pack() for one in world.load.records))
        for event in world.events:
            folder.emit(event)
    monkeypatch.setitem(run_reports.RENDERERS, "result.json", defect)  # type: ignore[arg-type]
    with pytest.raises(RunFolderError, match=r"result\.json: cannot be made \(ZeroDivisionError"):
        write_reports(folder.path)
    assert (folder.path / "report.html").stat().st_size > 0
    monkeypatch.undo()
    write_reports(folder.path)
