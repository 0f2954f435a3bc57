"""Where a drill may run: the drill's own word and this machine's, of which neither lifts the other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flowdrill.analysis.where_allowed import SafetyRules, Said, missing_labels, protection_of, rules_of
from flowdrill.model.safety_plan import ALLOWED, MachineSafety, ProtectPlan, SafetyPlan
from flowdrill.model.target_labels import TargetLabels

WANTED = ((ALLOWED, "true"),)


def rules(drill: SafetyPlan = SafetyPlan(), machine: MachineSafety = MachineSafety()) -> SafetyRules:  # noqa: B008
    return rules_of((Said("drill.yaml", drill), Said("safety.yaml", machine)))


def test_what_both_protect_is_protected_and_kube_namespaces_always_are() -> None:
    found = rules(
        SafetyPlan(protect=ProtectPlan(contexts=("live",))),
        MachineSafety(protect=ProtectPlan(contexts=("prod-*",), namespaces=("bank",))),
    )
    by = {name: protection_of((name,), found.contexts) for name in ("live", "prod-eu", "lab")}
    assert [by["live"] and by["live"].by, by["prod-eu"] and by["prod-eu"].by] == ["drill.yaml", "safety.yaml"]
    assert by["lab"] is None
    for name, protected in (("kube-system", True), ("bank", True), ("shop", False), ("my-kube-app", False)):
        assert (protection_of((name,), found.namespaces) is not None) is protected


def test_a_context_is_protected_by_any_of_its_names_whatever_its_capitals() -> None:
    found = rules(SafetyPlan(protect=ProtectPlan(contexts=("Prod*",))))
    assert protection_of(("mine", "PROD-eu", "https://10.0.0.1"), found.contexts) is not None


def test_a_drill_asks_for_one_label_unless_it_says_otherwise() -> None:
    assert rules().labels == WANTED
    assert rules(SafetyPlan(require_labels={})).labels == ()


def test_a_drill_lifts_no_label_and_no_approval_that_this_machine_demands() -> None:
    machine = MachineSafety.model_validate_json('{"require_labels": {"team": "a"}, "approval": "required"}')
    found = rules(SafetyPlan(require_labels={}), machine)
    assert (found.labels, found.approval_by) == ((("team", "a"),), "safety.yaml")
    assert rules().approval_by is None


@pytest.mark.parametrize(
    ("workload", "namespace", "allowed"),
    [
        ({ALLOWED: "true"}, {}, True),
        ({}, {ALLOWED: "true"}, True),
        ({}, {}, False),
        ({ALLOWED: "True"}, {}, False),
        ({ALLOWED: "true"}, None, True),
        ({}, None, False),
        ({ALLOWED: "false"}, {ALLOWED: "true"}, False),
    ],
)
def test_the_workloads_own_word_comes_before_its_namespaces(
    workload: dict[str, str], namespace: dict[str, str] | None, allowed: bool
) -> None:
    assert (missing_labels(WANTED, TargetLabels(workload, namespace)) == ()) is allowed


@pytest.mark.parametrize(
    "labels", ['{"a b": "c"}', '{"a": "b; rm -rf /"}', '{"a": true}', '{"": "b"}', '{"a/b/c": "d"}']
)
def test_what_can_be_no_label_is_refused(labels: str) -> None:
    with pytest.raises(ValidationError):
        SafetyPlan.model_validate_json(f'{{"require_labels": {labels}}}')
