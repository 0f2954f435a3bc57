"""Every plan, scenario, manifest and documented example that ships is valid, and they fit one another."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from flowdrill.analysis.access_needs import on_call_needs
from flowdrill.drilling.runs import read_plan
from flowdrill.edges.kubernetes.provider_manifest import served_port
from flowdrill.edges.planfiles.reading import is_suite, read_drill, read_suite
from flowdrill.model.drill import Drill
from flowdrill.model.flow_operations import FlowChange
from flowdrill.model.scenario import Changes, Scenario
from flowdrill.model.strict import Strict
from flowdrill.report.rbac_manifests import roles_for

M = TypeVar("M", bound=Strict)
ROOT = Path(__file__).parents[2]
DRILLS = sorted(path for path in ROOT.glob("drills/*.yaml") if not is_suite(path))
SCENARIOS = sorted(ROOT.glob("scenarios/*/scenario.yaml"))
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "scenarios/README.md").read_text(encoding="utf-8"), re.M | re.S)
MANIFESTS = [
    document
    for path in sorted(ROOT.glob("drills/target/*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


def parsed(model: type[M], text: str) -> M:
    return model.model_validate_json(json.dumps(yaml.safe_load(text)))


def manifest(kind: str, name: str) -> Any:
    return next(m for m in MANIFESTS if (m["kind"].lower(), m["metadata"]["name"]) == (kind.lower(), name))


def model_of(example: str) -> type[Strict]:
    keys = set(yaml.safe_load(example))
    return next(model for model in (Scenario, FlowChange, Changes) if keys & set(model.model_fields))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_in_the_scenarios_readme_is_valid(example: str) -> None:
    parsed(model_of(example), example)


def test_the_scenarios_readme_shows_every_operation() -> None:
    shown = {key for example in EXAMPLES for key in yaml.safe_load(example)}
    assert shown >= {*FlowChange.model_fields, *Changes.model_fields} - {"flow"}


def test_the_scenarios_readme_shows_every_change_of_the_workload_and_every_key_of_a_scenario() -> None:
    examples = [yaml.safe_load(example) for example in EXAMPLES]
    workload = {key for example in examples for key in example.get("workload", {})}
    assert workload >= set(type(Changes().workload).model_fields)
    scenario = {key for example in examples if "scenario" in example for key in example}
    assert scenario >= set(Scenario.model_fields) - {"flow_file"}


@pytest.mark.parametrize("name", [*FlowChange.model_fields, "component"])
def test_the_scenarios_readme_shows_every_key_of_an_operation(name: str) -> None:
    schemas = FlowChange.model_json_schema()["$defs"]
    chosen = "ComponentSelector" if name == "component" else "".join(map(str.title, name.split("_")))
    text = "\n".join(EXAMPLES)
    keys = schemas.get(chosen, {"properties": {}})["properties"]
    assert [key for key in keys if not re.search(rf"\b{key}:", text)] == []


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.parent.name)
def test_a_scenario_is_valid_and_named_as_its_folder(path: Path) -> None:
    assert parsed(Scenario, path.read_text(encoding="utf-8")).scenario == path.parent.name


@pytest.mark.parametrize("path", DRILLS, ids=lambda path: path.stem)
def test_a_drill_is_valid_and_fits_its_target_its_scenario_and_the_sample_flow(path: Path) -> None:
    drill = read_drill(path)
    assert drill.drill == path.stem
    assert (ROOT / "scenarios" / drill.scenario / "scenario.yaml").is_file()
    assert drill.embedded is not None
    flow = path.parent / str(drill.embedded.flow)
    assert drill.load.flow == json.loads(flow.read_text(encoding="utf-8"))["id"]
    workload = manifest(drill.target.kind, drill.target.name)
    service = manifest("Service", drill.target.name)
    pod = workload["spec"]["template"]
    assert workload["metadata"]["namespace"] == service["metadata"]["namespace"] == drill.target.namespace
    assert pod["spec"]["containers"][0]["name"] == drill.target.container
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert drill.load.url.endswith(f":{service['spec']['ports'][0]['nodePort']}")


def test_all_sample_targets_fit_on_one_cluster() -> None:
    files = sorted((ROOT / "drills" / "target").glob("*.yaml"))
    items = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    ports = [port["nodePort"] for one in items for port in one.get("spec", {}).get("ports", ()) if "nodePort" in port]
    assert len(ports) == len(set(ports)) == len(files)


def test_every_scenario_has_a_drill_of_its_name() -> None:
    drilled = {(path.stem, read_drill(path).scenario) for path in DRILLS}
    assert drilled >= {(path.parent.name, path.parent.name) for path in SCENARIOS}


def test_the_gate_is_a_suite_of_eight_drills_that_ship() -> None:
    suite, drills = read_suite(ROOT / "drills" / "gate.yaml")
    assert (suite.suite, len(drills)) == ("gate", 8)
    assert set(drills) <= set(DRILLS)


def test_the_flow_in_a_config_map_is_the_sample_flow() -> None:
    held = manifest("ConfigMap", "langflow-flows")["data"]["greeting.json"]
    assert json.loads(held) == json.loads((ROOT / "scenarios/flows/greeting.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DRILLS, ids=lambda path: path.stem)
def test_a_drill_names_the_provider_that_its_scenario_needs(path: Path) -> None:
    drill, scenario = read_plan(path)
    if scenario.changes.provider is not None:
        assert drill.provider is not None
    if drill.provider is not None:
        provider = drill.provider.target(drill.target.namespace)
        service = manifest("Service", drill.provider.service or provider.name)
        assert service["metadata"]["namespace"] == provider.namespace
        assert served_port(service).labels not in [
            one["spec"]["template"]["metadata"]["labels"] for one in MANIFESTS if "template" in one.get("spec", {})
        ], "the drill starts it"


def test_the_sample_component_is_the_code_in_its_flow() -> None:
    flow = json.loads((ROOT / "scenarios/flows/assistant.json").read_text(encoding="utf-8"))
    component = next(node for node in flow["data"]["nodes"] if node["id"] == "AskModel-m")
    assert component["data"]["node"]["template"]["code"]["value"] == (ROOT / "scenarios/flows/ask_model.py").read_text(
        encoding="utf-8"
    )


def test_the_targets_pods_are_alike() -> None:
    deployment = manifest("Deployment", "langflow-greeting")["spec"]["template"]["spec"]
    assert manifest("StatefulSet", "langflow-greeting-set")["spec"]["template"]["spec"] == deployment


def test_the_guarded_target_is_the_sample_target_whose_nodes_pull_each_time() -> None:
    def text(name: str) -> Any:
        pod = copy.deepcopy(manifest("Deployment", name)["spec"]["template"]["spec"])
        pod["containers"][0]["image"] = "the same"
        return json.loads(json.dumps(pod).replace(name, "NAME"))

    guarded = text("langflow-guarded")
    assert guarded["containers"][0].pop("imagePullPolicy") == "Always"
    assert guarded == text("langflow-greeting")


def test_the_guarded_targets_on_call_role_is_what_flowdrill_prints() -> None:
    drill = read_drill(ROOT / "drills/obstacle-permission-removed.yaml")
    (role,) = roles_for("on-call", drill.target, on_call_needs(drill.target))
    rules = {(one.group, one.resource, one.name, one.verbs) for one in role.rules}
    written = manifest("Role", "roll-back-langflow")["rules"]
    assert rules == {
        (one["apiGroups"][0], one["resources"][0], *one.get("resourceNames", [""]), tuple(one["verbs"]))
        for one in written
    }


def test_the_keys_that_the_sample_drill_explains_in_comments_are_ones() -> None:
    text = (ROOT / "drills/edge-missing.yaml").read_text(encoding="utf-8")
    commented = re.findall(r"^# ((?:policy|safety):.*)\n((?:^#   .*\n)+)", text, re.M)
    rollback = re.findall(r"^  # ((?:as|groups|not_by): .*)$", text, re.M)
    written = "".join(head + "\n" + re.sub("^# ", "", rest, flags=re.M) for head, rest in commented)
    plan = yaml.safe_load(text) | yaml.safe_load(written)
    plan["rollback"] |= yaml.safe_load("\n".join(rollback))
    drill = Drill.model_validate_json(json.dumps(plan))
    for section in ("policy", "safety"):
        fields = type(getattr(drill, section)).model_fields
        assert {name for name in fields if name not in yaml.safe_load(written)[section]} == set()
    assert drill.rollback.not_by == ("group:interns",)
