"""docs/fleet.md: its options exist, its exit codes are those of `--help`, and its names in braces are all there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.model.url_template import PLACES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")


@pytest.fixture
def help_text(capsys: pytest.CaptureFixture[str]) -> str:
    for command in (["run"], ["schema"]):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
    return capsys.readouterr().out


def test_every_option_of_the_page_exists(help_text: str) -> None:
    options = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", PAGE))
    assert {"--selector", "--namespace", "--all-namespaces", "--parallel", "--url", "--fail-fast"} <= options
    assert [one for one in options if one not in help_text] == []


def test_the_exit_codes_are_those_of_the_help(help_text: str) -> None:
    told = [int(one) for one in re.findall(r"(?m)^  (\d)  ", help_text)]
    assert [int(one) for one in re.findall(r"(?m)^\| (\d) \|", PAGE)] == told == [0, 1, 2, 3]


def test_every_name_in_braces_is_in_the_table() -> None:
    rows = [line.partition("|")[2].partition("|")[0] for line in PAGE.splitlines() if line.startswith("| `{")]
    assert set(re.findall(r"\{([a-z_]+)\}", " ".join(rows))) == set(PLACES)
