"""What `flowdrill rbac` prints is what preflight asks about, rule by rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.analysis.access_needs import Need, excess, harness_needs, ledger_name, on_call_needs
from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.cli.main import main
from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import Drill, Target
from flowdrill.model.workload import WorkloadKind
from flowdrill.report.rbac_manifests import objects_of, roles_for
from tests.fakes.world import SCENARIO, drill_of

ROOT = Path(__file__).parents[2]
ON_CALL = "system:serviceaccount:demo:on-call"


def granted(objects: list[dict[str, Any]]) -> set[tuple[str, str, str, str, str]]:
    """(namespace, verb, group, resource, name) of every rule."""
    return {
        (one["metadata"].get("namespace", ""), verb, group, resource, name)
        for one in objects
        if one["kind"] in ("Role", "ClusterRole")
        for rule in one["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames") or ("",)
    }


def asked(needs: tuple[Need, ...]) -> set[tuple[str, str, str, str, str]]:
    def full(one: AccessQuestion) -> str:
        return f"{one.resource}/{one.subresource}" if one.subresource else one.resource

    return {(n.question.namespace, n.question.verb, n.question.group, full(n.question), n.question.name) for n in needs}


@pytest.mark.parametrize(
    "drill",
    [
        drill_of(),
        drill_of(target={"namespace": "demo", "workload": "statefulset/app"}),
        drill_of(rollback={"as": ON_CALL, "groups": ["ops"], "not_by": ["eve"]}),
        drill_of(rollback={"as": "ann"}, policy={"ledger": {"file": "ledger.jsonl"}}),
        drill_of(provider={"workload": "deployment/model"}),
        drill_of(rollback={"as": ON_CALL}, obstacles=[{"kind": "permission-removed"}, {"kind": "disruption-budget"}]),
        drill_of(obstacles=[{"kind": "registry-down"}, {"kind": "revision-pruned"}]),
        drill_of(rollback={"as": "ann", "strategy": "undo"}),
        drill_of(rollback={"as": "ann", "command": ["./back.sh"]}),
    ],
)
def test_the_roles_grant_exactly_what_is_asked(drill: Drill) -> None:
    on_call = on_call_needs(drill.target, drill.rollback.way)
    for role, needs in (("harness", harness_needs(drill, SCENARIO)), ("on-call", on_call)):
        assert granted(objects_of(roles_for(role, drill.target, needs), ON_CALL, makes_account=False)) == asked(needs)


def test_what_is_at_the_clusters_scope_is_a_cluster_role_named_for_its_namespace() -> None:
    drill = drill_of(rollback={"as": "ann"})
    made = objects_of(roles_for("harness", drill.target, harness_needs(drill, SCENARIO)), "bob", makes_account=True)
    roles = [one["metadata"]["name"] for one in made if one["kind"] == "ClusterRole"]
    assert roles == ["flowdrill-harness-deployment-app-demo", "flowdrill-harness-deployment-app-demo-optional"]
    assert {one["kind"] for one in made} == {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}


def test_a_service_account_is_impersonated_in_its_own_namespace_and_needs_no_cluster_role() -> None:
    drill = drill_of(rollback={"as": "system:serviceaccount:ops:brake"})
    (need,) = [n for n in harness_needs(drill, SCENARIO) if n.question.verb == "impersonate"]
    assert (need.question.namespace, need.question.name) == ("ops", "brake")


def test_a_harness_that_rolls_back_itself_is_given_what_that_needs() -> None:
    for kind, resource in (("deployment", "replicasets"), ("statefulset", "controllerrevisions")):
        target = {"namespace": "demo", "workload": f"{kind}/app"}
        told = {
            who: {(n.question.verb, n.question.resource) for n in harness_needs(drill, SCENARIO)}
            for who, drill in (
                ("itself", drill_of(target=target, rollback={"strategy": "undo"})),
                ("ann", drill_of(target=target, rollback={"strategy": "undo", "as": "ann"})),
            )
        }
        assert ("get", resource) in told["itself"]
        assert ("get", resource) not in told["ann"]


def test_a_ledger_in_a_file_needs_no_config_map() -> None:
    drill = drill_of(policy={"ledger": {"file": "ledger.jsonl"}})
    assert ledger_name(drill) is None
    assert not [n for n in harness_needs(drill, SCENARIO) if n.question.resource == "configmaps"]


@pytest.mark.parametrize("kind", list(WorkloadKind))
def test_nothing_that_is_needed_is_also_too_much(kind: WorkloadKind) -> None:
    target = Target(namespace="demo", workload=f"{kind}/app")
    too_much = {(one.verb, one.full_resource) for one in excess("demo")}
    assert not too_much & {(n.question.verb, n.question.full_resource) for n in on_call_needs(target)}


def printed(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["rbac", str(ROOT / "drills/edge-missing.yaml"), *more]) == 0
    return capsys.readouterr().out


def test_yaml_and_json_are_the_same_objects(capsys: pytest.CaptureFixture[str]) -> None:
    for role in ("harness", "on-call"):
        words = ("--for", role, "--subject", ON_CALL)
        text = printed(capsys, *words)
        listed = json.loads(printed(capsys, *words, "--json"))
        assert [one for one in yaml.safe_load_all(text) if one] == listed["items"]
        assert "# to see" in text


@pytest.mark.parametrize(
    ("subject", "kind"), [("ann", "User"), ("group:ops", "Group"), ("system:serviceaccount:a:b", "ServiceAccount")]
)
def test_whoever_may_be_bound(subject: str, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    items = json.loads(printed(capsys, "--for", "on-call", "--subject", subject, "--json"))["items"]
    (binding,) = [one for one in items if one["kind"] == "RoleBinding"]
    assert [one["kind"] for one in binding["subjects"]] == [kind]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ((), "names nobody who rolls back"),
        (("--subject", "system:serviceaccount:only"), "names nobody"),
        (("--subject", "a\nb"), "names nobody"),
        (("--subject", "group:"), "names nobody"),
    ],
)
def test_nobody_is_refused(more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac", str(ROOT / "drills/edge-missing.yaml"), "--for", "on-call", *more]) == 2
    assert said in capsys.readouterr().err


def test_a_service_account_keeps_its_own_groups_beside_those_that_are_named() -> None:
    subject = drill_of(rollback={"as": ON_CALL, "groups": ["ops"]}).rollback.subject
    assert subject is not None
    assert subject.groups == ("ops", "system:serviceaccounts", "system:serviceaccounts:demo")
    alone = drill_of(rollback={"as": ON_CALL}).rollback.subject
    assert alone is not None
    assert alone.groups == ()


@pytest.mark.parametrize(
    ("rollback", "said"),
    [
        ({"as": "system:serviceaccount:only"}, "names nobody"),
        ({"as": "system:serviceaccount:a:b:c"}, "names nobody"),
        ({"as": "group:ops"}, "a group alone is nobody"),
        ({"not_by": ["group:"]}, "names nobody"),
        ({"not_by": ["system:serviceaccount::b"]}, "names nobody"),
    ],
)
def test_a_drill_names_somebody_who_rolls_back(rollback: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        drill_of(rollback=rollback)


def test_what_is_printed_is_yaml_whatever_a_name_holds(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a: b # c", "- x", "{[&*!|>%@`", 'quo"te\\', "system:node:x"):
        made = [one for one in yaml.safe_load_all(printed(capsys, "--for", "on-call", "--subject", name)) if one]
        (binding,) = [one for one in made if one["kind"] == "RoleBinding"]
        assert binding["subjects"][0]["name"] == name


def test_the_guard_in_the_cluster_is_given_nothing_that_the_harness_has_not_but_a_word_of_its_own() -> None:
    plan: dict[str, Any] = {"guard": {"in_cluster": {"image": "img"}}, "rollback": {"as": "ann"}}
    plan["load"] = {"url": "http://app", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20}
    plan["load"] |= {"workers": 2, "in_cluster": {"image": "img"}}
    for target in ("deployment/app", "statefulset/app"):
        drill = drill_of(target={"namespace": "demo", "workload": target}, **plan)
        guard, harness = guard_needs(drill, SCENARIO), harness_needs(drill, SCENARIO)
        made = objects_of(roles_for("guard", drill.target, guard), ON_CALL, makes_account=False)
        assert granted(made) == asked(guard)
        assert asked(guard) - asked(harness) == {("demo", "create", "", "events", "")}


def test_a_drill_without_a_guard_in_the_cluster_has_no_role_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac", str(ROOT / "drills" / "edge-missing.yaml"), "--for", "guard"]) == 2
    assert "names no guard in the cluster" in capsys.readouterr().err
