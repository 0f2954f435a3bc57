"""What docs/chaos-activities.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from flowdrill.edges.planfiles.yaml_lines import YamlText, parse_model
from flowdrill.model.activity import ActivityPlace
from flowdrill.model.chaos_plan import ChaosPlan, Moment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/chaos-activities.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_what_it_shows_can_be_written_in_a_drill() -> None:
    for block in BLOCKS:
        held = yaml.safe_dump(yaml.safe_load(block)["chaos"])
        parse_model(YamlText("docs", held), ChaosPlan)


def test_it_shows_the_drill_that_ships() -> None:
    shipped = yaml.safe_load((ROOT / "drills/pod-deleted-during-rollback.yaml").read_text())
    shown = yaml.safe_load(BLOCKS[0])
    assert shown["chaos"] == {name: value for name, value in shipped["chaos"].items() if name != "limit"}


def test_it_names_every_list_and_every_moment() -> None:
    for word in ("steady_state", "before", "during", "after", *Moment):
        assert f"| `{word}` |" in PAGE
    assert set(ActivityPlace) - {ActivityPlace.RESTORED} == {"steady state", "before", "during", "after"}
