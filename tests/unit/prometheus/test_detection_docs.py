"""What docs/detection.md shows can be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from flowdrill.model.alerts import AlertStage
from flowdrill.model.detect_plan import DetectPlan

DOCS = (Path(__file__).parents[3] / "docs/detection.md").read_text()
ENGINE = Path(__file__).parents[3] / "src/flowdrill/engine"


def test_its_plans_are_plans() -> None:
    plans = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(detect:.*?)```", DOCS, re.DOTALL)]
    assert len(plans) == 2
    for plan in plans:
        assert DetectPlan.model_validate_json(json.dumps(plan["detect"])).alerts == ("FlowFailing",)


def test_it_lists_every_stage_and_every_check() -> None:
    code = "".join((ENGINE / name).read_text() for name in ("alert_checks.py", "alertmanager_checks.py"))
    made = re.findall(r'^ +(?:findings\.check\()?"((?:alert|prometheus)\w*)"', code, re.MULTILINE)
    assert len(set(made)) > 6
    assert [name for name in made if f"`{name}`" not in DOCS] == []
    assert [stage for stage in AlertStage if f"| {stage} |" not in DOCS] == []
