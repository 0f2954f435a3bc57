"""docs/ledger.md: whoever checks a ledger by hand finds what flowdrill finds."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowdrill.analysis.ledger_chain import head_of
from tests.fakes.fake_ledger import FakeLedger

PAGE = (Path(__file__).parents[2] / "docs/ledger.md").read_text(encoding="utf-8")
BY_HAND = PAGE.partition("## By hand")[2]
DIGEST = "sha256:" + "a" * 64
BLOCKS = dict(re.findall(r"^```(sh|python)\n(.*?)^```", BY_HAND, re.MULTILINE | re.DOTALL))
_NEEDS = pytest.mark.skipif(not shutil.which("jq") or not shutil.which("sha256sum"), reason="needs jq and sha256sum")


def checked_by_hand(language: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "ledger.jsonl").write_text(text, encoding="utf-8")
    program = [sys.executable, "-W", "ignore", "-c"] if language == "python" else ["sh", "-c"]
    return subprocess.run(
        [*program, BLOCKS[language]], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("language", ["python", pytest.param("sh", marks=_NEEDS)])
def test_the_check_by_hand_finds_the_head_and_every_change(language: str, tmp_path: Path) -> None:
    book = FakeLedger()
    for by, note in (
        ("run-1", 'ümlaut, "quoted", back\\slash / 🦜'),
        ("run-2", ""),
        ("me@here", "'; rm -rf $HOME `x`"),
    ):
        book.append(DIGEST, f"registry.test/flow:1@{DIGEST}", by, note)
    done = checked_by_hand(language, book.text, tmp_path)
    assert (done.returncode, done.stdout) == (0, f"head {head_of(book.read())}\n"), done.stderr
    lines = book.text.splitlines(keepends=True)
    for changed in (book.text.replace("run-2", "run-3"), "".join(lines[1:]), "".join(lines[::2])):
        done = checked_by_hand(language, changed, tmp_path)
        assert done.returncode == 1
        assert "broken: " in done.stdout + done.stderr
