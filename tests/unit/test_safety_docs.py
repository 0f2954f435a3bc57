"""docs/safety.md: its examples are taken, and what it says of labels is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from flowdrill.model.safety_plan import ALLOWED, ALWAYS_PROTECTED, Approval, MachineSafety, SafetyPlan
from flowdrill.report import plan_text

PAGE = (Path(__file__).parents[2] / "docs/safety.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)]


def test_its_examples_are_valid_and_have_every_key() -> None:
    drill, machine = EXAMPLES
    parsed = SafetyPlan.model_validate_json(json.dumps(drill["safety"]))
    assert parsed.approval is MachineSafety.model_validate_json(json.dumps(machine)).approval is Approval.REQUIRED
    assert set(drill["safety"]) == set(machine) == set(SafetyPlan.model_fields)


def test_the_label_that_it_tells_to_set_is_the_default_one() -> None:
    commands = re.findall(r"^kubectl .*label.* (\S+)=(\S+?)(?: +#.*)?$", PAGE, re.M)
    assert len(commands) == 2
    assert set(commands) == set(SafetyPlan().require_labels.items())
    assert f"`{ALWAYS_PROTECTED[0]}` is always" in PAGE
    assert ALLOWED in PAGE


def test_it_names_every_section_of_the_page() -> None:
    source = Path(plan_text.__file__).read_text(encoding="utf-8")
    heads = {one.lower() for one in re.findall(r'_block\("([A-Z, ]+)"', source)} - {"would be refused"}
    named = set(re.findall(r"^\| ([a-z][a-z, ]+) \|", PAGE, re.M))
    assert heads == named - {"section"}
