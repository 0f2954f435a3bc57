"""docs/audit.md: its examples are taken, and what it says of names and digests is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from flowdrill.model.audit import FindingKind, Severity
from flowdrill.model.audit_plan import AuditPlan, FollowUpPlan
from flowdrill.model.controls import Control, Controls
from flowdrill.preparing import authority
from flowdrill.report.audit_record_words import RECOMPUTE

PAGE = (Path(__file__).parents[2] / "docs/audit.md").read_text(encoding="utf-8")
PLAN, MAPPING = (yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S))


def test_its_example_of_a_plan_is_valid_and_has_every_key() -> None:
    AuditPlan.model_validate_json(json.dumps(PLAN["audit"]))
    assert {*PLAN["audit"], "retest_on"} == set(AuditPlan.model_fields)
    assert set(PLAN["audit"]["findings"]) == set(FollowUpPlan.model_fields)
    assert "retest_on" in PAGE


def test_its_example_of_a_mapping_is_valid_and_has_every_key() -> None:
    Controls.model_validate_json(json.dumps(MAPPING))
    assert set(MAPPING) == set(Controls.model_fields)
    assert set(MAPPING["controls"][0]) == set(Control.model_fields)


def test_it_names_every_variable_that_a_name_may_come_from_in_their_order() -> None:
    named = re.findall(r"\$([A-Z_]+)", PAGE)
    assert named == [authority.RAN_BY, *authority._ACTORS, authority.APPROVED_BY]


def test_the_command_that_prints_the_digest_is_the_one_of_the_report() -> None:
    assert f"\n{RECOMPUTE}\n" in PAGE


def test_it_says_what_weighs_how_much() -> None:
    for severity in Severity:
        assert f"({severity.value})" in PAGE
    kinds = set(FindingKind) - {FindingKind.REACH}
    assert [one for one in kinds if one.value not in PAGE] == []
