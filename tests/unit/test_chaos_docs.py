"""docs/chaos-toolkit.md: it names every activity, control, argument and experiment that there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import yaml

from flowdrill.chaos import actions, probes
from flowdrill.chaos.controls import record_timeline
from tests.unit.chaos.experiments import ROOT, SHIPPED

PAGE = (ROOT / "docs" / "chaos-toolkit.md").read_text(encoding="utf-8")
CONTROLS = Path(record_timeline.__file__).parent


def named_between(start: str, end: str) -> set[str]:
    part = PAGE.partition(start)[2].partition(end)[0]
    return {name for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_the_page_names_every_activity() -> None:
    assert named_between("**Actions**", "**Probes**") == set(actions.__all__)
    assert named_between("**Probes**", "In a hypothesis") == set(probes.__all__)


def test_the_page_names_every_control_and_its_arguments() -> None:
    assert named_between("**Controls**", "**Actions**") == {path.stem for path in CONTROLS.glob("[a-z]*.py")}
    ours = set(inspect.signature(record_timeline.before_experiment_control).parameters)
    for name in ours - {"context", "configuration", "secrets", "others"}:
        assert f"`{name}`" in PAGE


def test_the_page_names_every_experiment_and_its_drill() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+\.yaml)` \| `(drills/[\w-]+\.yaml)` \|", PAGE, re.MULTILINE))
    drills = {
        path.name: yaml.safe_load(path.read_text())["controls"][0]["provider"]["arguments"]["drill"] for path in SHIPPED
    }
    assert rows == drills
