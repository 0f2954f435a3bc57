"""The ledger in a file: whole or not at all, one writer at a time, and nothing left beside it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
from flowdrill.errors import BrokenLedgerError, LedgerError
from tests.fakes.fake_ledger import FIRST

DIGEST = "sha256:" + "a" * 64
REFERENCE = f"registry.test/flow@{DIGEST}"
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
book, digest = LedgerFile(Path(sys.argv[1]), lambda: datetime.now(UTC), lock_seconds=60), "sha256:" + "a" * 64
for number in range(8):
    book.append(digest, f"registry.test/flow@{digest}", f"{sys.argv[2]}-{number}", "")
"""


def book_of(path: Path, **more: float) -> LedgerFile:
    return LedgerFile(path, lambda: FIRST, **more)


def add(path: Path, by: str) -> None:
    book_of(path).append(DIGEST, REFERENCE, by, "")


def test_nothing_is_left_beside_the_ledger(tmp_path: Path) -> None:
    add(tmp_path / "ledger.jsonl", "run-1")
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.jsonl"]


def test_several_processes_write_it_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), f"w{number}"]) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    entries = book_of(path).read().entries
    assert {entry.by for entry in entries} == {f"w{writer}-{number}" for writer in range(3) for number in range(8)}
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.jsonl"]


def test_a_ledger_that_somebody_holds_is_not_waited_for_forever(tmp_path: Path) -> None:
    lock = tmp_path / ".ledger.jsonl.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match=r"ledger\.jsonl: another process has been writing it for 0\.1 s"):
            book_of(tmp_path / "ledger.jsonl", lock_seconds=0.1).append(DIGEST, REFERENCE, "run-1", "")
    assert not (tmp_path / "ledger.jsonl").exists()


def test_what_a_killed_writer_left_does_not_matter(tmp_path: Path) -> None:
    for name in (".ledger.jsonl.lock", ".ledger.jsonl.new"):
        (tmp_path / name).write_text("half an ent")
    add(tmp_path / "ledger.jsonl", "run-1")
    assert len(book_of(tmp_path / "ledger.jsonl").read().entries) == 1


def test_a_torn_tail_is_named_and_nothing_is_added_to_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    add(path, "run-1")
    add(path, "run-2")
    path.write_bytes(torn := path.read_bytes()[:-100])
    with pytest.raises(BrokenLedgerError, match=r"broken at entry 2 .* it seems to be cut off"):
        add(path, "run-3")
    assert path.read_bytes() == torn


def test_permissions_and_links_stay_as_they_were(tmp_path: Path) -> None:
    path, link = tmp_path / "ledger.jsonl", tmp_path / "link.jsonl"
    add(path, "run-1")
    path.chmod(0o640)
    link.symlink_to(path)
    add(link, "run-2")
    assert link.is_symlink()
    assert (path.stat().st_mode & 0o777, len(book_of(path).read().entries)) == (0o640, 2)


@pytest.mark.parametrize("what", ["folder", "pipe", "no folder", "bytes", "huge"])
def test_what_is_no_ledger_file_is_one_error_with_its_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ledger.jsonl"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "no folder":
        path = tmp_path / "none" / "ledger.jsonl"
    else:
        path.write_bytes(b"\n\xff" if what == "bytes" else bytes(1_000_001))
    with pytest.raises(LedgerError, match=r"ledger\.jsonl"):
        add(path, "run-1")
    if what != "no folder":
        with pytest.raises(LedgerError, match=r"ledger\.jsonl"):
            book_of(path).read()
