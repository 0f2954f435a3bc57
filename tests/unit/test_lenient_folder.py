"""Whoever puts things back does not wait for a disk."""

from __future__ import annotations

from pathlib import Path

from flowdrill.edges.runfolder.folder import GUARD_EVENTS
from flowdrill.edges.runfolder.lenient import LenientFolder
from flowdrill.model.events import Noted, event_from_json
from tests.fakes.full_disk import files_up_to


def noted(number: int) -> Noted:
    return Noted(at_ns=number, text="x" * 100)


def notes_in(folder: Path) -> list[int]:
    """The times of the whole lines."""
    *whole, rest = (folder / GUARD_EVENTS).read_bytes().split(b"\n")
    assert len(rest) < len(b"\n".join(whole)) or not whole
    return [event_from_json(line).at_ns for line in whole]


def test_events_that_a_full_disk_does_not_take_are_lost_and_the_others_are_whole(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    with LenientFolder(tmp_path) as folder:
        with files_up_to(1000):
            for number in range(200):
                folder.emit(noted(number))
            folder.save("manifest.yaml", "y" * 5000)
        found = notes_in(tmp_path)
    assert folder.problem is not None
    assert GUARD_EVENTS in folder.problem
    assert found == list(range(len(found)))
    assert 0 < len(found) < 200


def test_a_disk_that_stays_full_until_the_end_ends_nothing(tmp_path: Path) -> None:
    with files_up_to(0), LenientFolder(tmp_path) as folder:
        folder.emit(noted(1))
    assert folder.problem is not None
    assert (tmp_path / GUARD_EVENTS).read_bytes() == b""


def test_a_folder_that_is_gone_is_done_without(tmp_path: Path) -> None:
    with LenientFolder(tmp_path / "gone") as folder:
        folder.emit(noted(1))
        assert folder.save("manifest.yaml", "text") == "manifest.yaml"
    assert folder.problem == f"{tmp_path / 'gone' / GUARD_EVENTS}: No such file or directory"
