"""docs/evidence.md: its commands are ones that exist, and its exit codes those that `--help` tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowdrill.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs/evidence.md").read_text(encoding="utf-8")


def test_every_command_of_the_page_exists(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"(?m)(?:^|`)flowdrill ((?:key )?[a-z]+)\b", PAGE))
    assert {"key new", "run", "archive", "verify", "attest", "report"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([*command.split(), "--help"])
        assert ended.value.code == 0
    help_texts = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", PAGE)):
        assert option in help_texts


def test_the_exit_codes_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    told = re.findall(r"(?m)^  (\d)  ", capsys.readouterr().out)
    assert told == re.findall(r"(?m)^\| (\d) \|", PAGE)
