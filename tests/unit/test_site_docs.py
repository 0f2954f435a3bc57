"""docs/site.md: its examples are what is printed, and what it says of words and numbers is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowdrill.analysis.drill_evidence import Standing
from flowdrill.cli.main import main
from flowdrill.report.site_words import STANDING_WORDS
from flowdrill.report.trend_picture import MOST_DRAWN
from tests.unit.report.sample_site import RECORDED, fill

PAGE = (Path(__file__).parents[2] / "docs" / "site.md").read_text(encoding="utf-8")


def test_the_comparison_of_the_page_is_the_one_that_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(RECORDED)
    (command,) = re.findall(r"^\$ flowdrill (compare .*)$", PAGE, re.MULTILINE)
    assert main(command.split()) == 0
    assert f"$ flowdrill {command}\n{capsys.readouterr().out}```\n" in PAGE


def test_the_answer_of_the_page_is_the_one_that_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["site", "reports/", "--as-of", "2026-11-30", "--ledger", "ledger.jsonl"]) == 0
    assert f"```\n{capsys.readouterr().out}```\n" in PAGE


def test_its_words_and_numbers_are_those_of_the_pages() -> None:
    assert re.findall(r"^\| ([a-z ]+) \| (?:a drill|one passed|the last|none passed)", PAGE, re.MULTILINE) == [
        STANDING_WORDS[one] for one in Standing
    ]
    assert f"The newest {MOST_DRAWN[True]} runs are drawn\n({MOST_DRAWN[False]} on a narrow screen)" in PAGE
