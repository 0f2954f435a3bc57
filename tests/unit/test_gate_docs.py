"""docs/gate.md: its options exist, its exit codes are those of `--help`, and its suite is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.edges.planfiles.reading import is_suite, read_drill
from flowdrill.model.gate import GateOutcome
from flowdrill.model.suite import Suite
from tests.unit.ci_doors import ACTION, GITLAB

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/gate.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def help_text(capsys: pytest.CaptureFixture[str]) -> str:
    for command in (["gate"], ["cluster", "up"], ["schema"], ["restore"]):
        with pytest.raises(SystemExit):
            main([*command, "--help"])
    return capsys.readouterr().out


def test_every_option_of_the_page_exists(help_text: str) -> None:
    options = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", PAGE))
    assert {"--candidate", "--rollback-to", "--evidence", "--annotations"} <= options
    assert {one for one in options if one not in help_text} == set()


def test_the_exit_codes_are_those_of_the_help(help_text: str) -> None:
    told = [int(one) for one in re.findall(r"(?m)^  (\d)  ", help_text)][:4]  # of the gate; `restore` has some, too
    rows = [int(one) for one in re.findall(r"(?m)^\| (\d) \|", PAGE)]
    assert told == [0, 1, 2, 3]
    assert rows == told * 2  # of running, and of asking
    outcomes = {one.value for one in GateOutcome} - {"not-run"}
    assert outcomes == set(re.findall(r"(?m)^\| \d \| `([a-z]+)` \| [a-z]", PAGE)) - {"proven", "none"}


def test_the_suite_of_the_page_is_one() -> None:
    (text,) = (one for one in BLOCKS if one.startswith("suite:"))
    suite = Suite.model_validate(yaml.safe_load(text), strict=False)
    assert (suite.candidate, suite.inconclusive) == ("no-fault.yaml", "block")
    assert all(read_drill(ROOT / "drills" / name) for name in suite.drills)
    assert is_suite(ROOT / "drills" / "gate.yaml")


def test_the_examples_of_the_doors_name_what_is_there() -> None:
    (action,) = (yaml.safe_load(one)[0] for one in BLOCKS if one.startswith("- uses:"))
    assert set(action["with"]) <= set(ACTION["inputs"])
    (job,) = (yaml.safe_load(one) for one in BLOCKS if one.startswith("include:"))
    assert set(job["gate"]["variables"]) <= set(GITLAB["variables"])
    assert (ROOT / job["include"]["local"]).is_file()
