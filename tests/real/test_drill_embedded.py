"""Whole drills on the embedded cluster: real LangFlow, real Locust, no Kubernetes needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.cluster.base_image import Runtime
from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.model.drill_plan import DrillPlan
from tests.contract.audited import audited_writes, undone_plans, unplanned

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.langflow  # the longest are marked `catalogue`, too: `make test` leaves them to `make test-all`


def flowdrill(*arguments: str | Path, state: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: text for name, text in os.environ.items() if name not in ("KUBECONFIG", "LANGFLOW_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**environ, "FLOWDRILL_CLUSTER": str(state)},
        timeout=300,
    )


@pytest.fixture(autouse=True)
def _needs_a_runtime(langflow_runtime: Runtime) -> None:
    """Skip without one."""


def test_one_command_drills_on_a_cluster_of_its_own_and_leaves_none(tmp_path: Path) -> None:
    state = tmp_path / "none"
    done = flowdrill("run", "drills/edge-missing.yaml", "--out", tmp_path / "reports", "--json", state=state)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["verdict"] == "pass"
    (folder,) = (tmp_path / "reports").iterdir()
    assert (folder / "report.html").exists()
    assert (folder / "controls.json").exists()
    assert result["audit"]["ran_by"]["name"]
    assert not state.exists()
    assert "starting an embedded cluster" in done.stderr
    assert "ledger: entry 1 of configmap/flowdrill-ledger-deployment-langflow-greeting in namespace" in done.stderr


@pytest.mark.catalogue
def test_a_suite_shares_one_cluster_and_fails_when_one_drill_misses_an_objective(tmp_path: Path) -> None:
    drills, state = tmp_path / "drills", tmp_path / "none"
    drills.mkdir()
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    for name in ("edge-missing.yaml", "crash-at-start.yaml", "target"):
        (drills / name).symlink_to(ROOT / "drills" / name)
    (drills / "suite.yaml").write_text("suite: two\ndrills: [crash-at-start.yaml, quick.yaml]\n")
    missed = "objectives: {time_to_detect: 1ms}"
    (drills / "quick.yaml").write_text(f"extends: crash-at-start.yaml\ndrill: quick\nhold: 2s\n{missed}\n")
    done = flowdrill("run", drills / "suite.yaml", "--out", tmp_path / "reports", state=state)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("starting an embedded cluster") == 1
    told = [line.split()[:2] for line in done.stdout.splitlines() if line[:4] in ("PASS", "FAIL")]
    assert told == [["PASS", "crash-at-start:"], ["FAIL", "quick:"]]
    assert "longer than allowed" in done.stdout + done.stderr
    assert len(list((tmp_path / "reports").iterdir())) == 2
    assert not state.exists()


# above: clusters of the drills' own. Below: one for all, which holds the target's node port until the end


def changed_drill(tmp_path: Path, shipped: str = "edge-missing", **changes: Any) -> Path:
    plan = yaml.safe_load((ROOT / "drills" / f"{shipped}.yaml").read_text())
    plan["embedded"] = {name: str(ROOT / "drills" / text) for name, text in plan["embedded"].items()}
    plan["scenario"] = str(ROOT / "scenarios" / shipped)
    path = tmp_path / "drill.yaml"
    path.write_text(yaml.safe_dump(plan | changes))
    return path


def test_a_rollback_without_permission_fails_here_as_on_a_real_cluster(cluster: RunningCluster, tmp_path: Path) -> None:
    drill = changed_drill(tmp_path, rollback={"as": "on-call"})
    done = flowdrill("run", drill, "--out", tmp_path / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 2, done.stderr
    result = json.loads(done.stdout)
    failed = {one["name"] for one in result["checks"] if one["status"] == "fail"}
    assert failed == {"responder_may_roll_back"}
    assert "must not get, list, watch, patch deployments.apps langflow-greeting in namespace" in done.stdout
    assert not any("image set to break" in line for line in done.stderr.splitlines())


OWN_SCENARIO = """\
scenario: greeting-in-german
story: Somebody translated the flow, and its callers were not told.
changes:
  flow:
    - set_field:
        component: { place: input }
        field: input_value
        value: Hallo, Welt!
symptom: bad-answers
seen_by_users: An answer in another language.
"""


@pytest.mark.catalogue
@pytest.mark.endurance
def test_a_scenario_of_ten_lines_breaks_a_starter_flow_that_comes_with_langflow(
    cluster: RunningCluster, langflow_runtime: Runtime, tmp_path: Path
) -> None:
    (starter,) = langflow_runtime.bin_folder.parent.glob(
        "lib/python*/site-packages/lfx/templates/flows/hello-world.json"
    )
    (tmp_path / "greeting-in-german").mkdir()
    (tmp_path / "greeting-in-german" / "scenario.yaml").write_text(OWN_SCENARIO)
    load = yaml.safe_load((ROOT / "drills/edge-missing.yaml").read_text())["load"]
    drill = changed_drill(
        tmp_path,
        drill="hello-world",
        scenario="./greeting-in-german",
        embedded={"manifests": str(ROOT / "drills/target/kubernetes.yaml"), "flow": str(starter)},
        load=load | {"flow": json.loads(starter.read_text())["id"], "expect": "Hello, World!"},
        hold="3s",
    )
    done = flowdrill("run", drill, "--out", tmp_path / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["requests"]["by_reason"] == {"wrong_answer": result["requests"]["bad"]}
    assert 'input_value = "Hallo, Welt!"' in result["images"]["broken"]["changes"][0]


SCENARIO_OF_A_PROMPT = """\
scenario: answers-as-json
story: A prompt was edited in a hurry to ask for JSON, and its braces are variables to LangFlow.
changes:
  flow:
    - set_field:
        component: { type: Prompt }
        field: template
        value: 'Answer as JSON: {"answer": "..."}'
symptom: bad-answers
seen_by_users: Status 500, since the prompt cannot be built.
"""


def with_a_model_chosen(flow: Path, to: Path) -> str:
    """Write the flow with what its users do first: they choose a model. Return its id."""
    body = json.loads(flow.read_text())
    (component,) = (
        node["data"]["node"] for node in body["data"]["nodes"] if node["data"].get("type") == "LanguageModelComponent"
    )
    assert component["template"]["model"]["value"] == ""
    component["template"]["model"]["value"] = [{"name": "gpt-4o-mini", "provider": "OpenAI"}]
    to.write_text(json.dumps(body))
    return str(body["id"])


@pytest.mark.catalogue
@pytest.mark.endurance
def test_a_prompt_edited_in_a_hurry_breaks_a_starter_flow_that_asks_a_model(
    cluster: RunningCluster, langflow_runtime: Runtime, starter_flows: Path, tmp_path: Path
) -> None:
    if not [*langflow_runtime.bin_folder.parent.glob("lib/python*/site-packages/langchain_openai")]:
        pytest.skip("needs a runtime with langchain-openai, which LangFlow's Language Model component imports")
    (tmp_path / "answers-as-json").mkdir()
    (tmp_path / "answers-as-json" / "scenario.yaml").write_text(SCENARIO_OF_A_PROMPT)
    flow_id = with_a_model_chosen(starter_flows / "Basic Prompting.json", tmp_path / "basic-prompting.json")
    load = yaml.safe_load((ROOT / "drills/provider-down.yaml").read_text())["load"]
    drill = changed_drill(
        tmp_path,
        "provider-down",
        drill="basic-prompting",
        scenario="./answers-as-json",
        embedded={
            "manifests": str(ROOT / "drills/target/assistant.yaml"),
            "flow": str(tmp_path / "basic-prompting.json"),
        },
        # a replica's first request imports the model's client: a second of CPU, of which a pod has half
        load=load
        | {"flow": flow_id, "expect": "You said: hello", "requests_per_second": 3, "latency_objective": "10s"},
        baseline={"window": "16s", "max_bad_ratio": "10%"},
        hold="3s",
    )
    done = flowdrill("run", drill, "--out", tmp_path / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["requests"]["by_reason"] == {"http_status": result["requests"]["bad"]}
    assert "Answer as JSON" in result["images"]["broken"]["changes"][0]
    assert result["tokens"]["baseline"]["provider_requests"] > 0  # the flow was served by the stand-in


@pytest.mark.catalogue
@pytest.mark.endurance
def test_a_workload_deployed_by_tag_gets_its_tag_back(cluster: RunningCluster, tmp_path: Path) -> None:
    tagged = f"{cluster.registry}/flows/tagged:1.0.0"
    flow = ("image", "flow", "scenarios/flows/greeting.json", "--base", str(cluster.base_image), "--to", tagged)
    assert flowdrill(*flow, state=cluster.folder.path).returncode == 0
    embedded = {"manifests": str(ROOT / "drills/target/kubernetes.yaml"), "image": tagged}
    drill = changed_drill(tmp_path, embedded=embedded, hold="3s", baseline={"window": "10s"})
    done = flowdrill("run", drill, "--out", tmp_path / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"]["stable"]["reference"] == tagged
    kubectl = [Path(sys.executable).with_name("kubectl"), "--kubeconfig", cluster.folder.kubeconfig]
    what = ("-n", "flowdrill-demo", "get", "deployment/langflow-greeting", "-o", "json")
    shown = subprocess.run([*kubectl, *what], capture_output=True, text=True, check=True)
    (container,) = json.loads(shown.stdout)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == tagged


@pytest.mark.catalogue
def test_an_undo_takes_the_release_back_as_whoever_is_on_call(cluster: RunningCluster, tmp_path: Path) -> None:
    drill = changed_drill(tmp_path, drill="undone", rollback={"strategy": "undo"}, hold="2s")
    planned = flowdrill("plan", drill, "--json", state=cluster.folder.path)
    plan = DrillPlan.model_validate_json(planned.stdout)
    cluster.folder.audit_log.write_text("")  # of the drills before
    run = ("run", drill, "--approved", plan.digest, "--out", tmp_path / "reports", "--json")
    done = flowdrill(*run, state=cluster.folder.path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["run"]["plan_digest"], result["run"]["approved"]) == (plan.digest, True)
    writes = audited_writes(str(cluster.folder.kubeconfig), "flowdrill-demo")
    assert unplanned(writes, plan.steps) == undone_plans(writes, plan.steps) == []
    checks = {one["name"]: one["status"] for one in result["checks"]}
    assert {checks[name] for name in ("undo_revision", "rollback_permitted", "template_as_before")} == {"pass"}
    assert result["rollback"]["strategy"] == "undo"
    assert result["rollback"]["how"].startswith("rollout undo to replicaset/langflow-greeting-")


@pytest.mark.catalogue
def test_a_script_of_the_teams_rolls_back_and_what_it_wrote_is_evidence_without_its_secret(
    cluster: RunningCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = Path(sys.executable).with_name("kubectl")
    script = tmp_path / "back.sh"
    script.write_text(
        '#!/bin/sh\nset -e\necho "deploying with $DEPLOY_TOKEN"\n'
        f'{kubectl} --context "$FLOWDRILL_CONTEXT" -n "$FLOWDRILL_NAMESPACE" rollout undo "$FLOWDRILL_WORKLOAD"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-and-more")
    drill = changed_drill(tmp_path, drill="by-script", rollback={"command": ["./back.sh"]}, hold="2s")
    done = flowdrill("run", drill, "--out", tmp_path / "reports", "--json", state=cluster.folder.path)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["rollback"] == {
        "strategy": "command",
        "how": "command ./back.sh",
        "by": "whoever the command acts as",
    }
    assert {one["status"] for one in result["checks"] if one["name"] == "template_as_before"} == {"pass"}
    (folder,) = (tmp_path / "reports").iterdir()
    written = (folder / "evidence" / "rollback-command.txt").read_text()
    assert "exit code 0 after" in written
    assert "deploying with [redacted]" in written
    assert "langflow-greeting rolled back" in written
    everything = [one.read_bytes() for one in folder.rglob("*") if one.is_file()]
    assert not [one for one in everything if b"hunter2-and-more" in one]
