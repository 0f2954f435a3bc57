"""docs/replay.md: what it says of rules is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.model.rule import parse_rule

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")


def test_every_rule_of_the_page_is_one() -> None:
    quoted = re.findall(r'--rule "([^"]+)"', PAGE)
    lines = re.findall(r"^((?:bad_ratio|p\d+) > .*)$", PAGE.partition("## In a drill")[0], re.MULTILINE)
    planned = re.findall(r"^    (?:page|ticket): (.*)$", PAGE, re.MULTILINE)
    assert (len(quoted), len(lines), len(planned)) == (2, 3, 2)
    for text in (*quoted, *lines, *planned):
        assert str(parse_rule(text)) == text


def test_what_the_page_shows_is_what_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = re.search(r"^\$ flowdrill (replay .*)\n((?:.*\n)+?)```$", PAGE, re.MULTILINE)
    assert found is not None
    assert main(found[1].split()) == 0
    assert capsys.readouterr().out == found[2]
