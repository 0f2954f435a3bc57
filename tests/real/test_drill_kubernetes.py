"""Whole drills through the command line: real Kubernetes, real LangFlow, real Locust, real registry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowdrill.edges.planfiles.reading import find_scenario, read_drill
from tests.real.flaky_proxy import flaky_proxy
from tests.real.lab import API_KEY, NAMESPACE, ROOT, Lab, flowdrill, lab_from_environment, until

pytestmark = pytest.mark.kubernetes
REPOSITORY = "langflow-greeting"
DEPLOYMENT = ("deployment", "langflow-greeting")
STATEFULSET = ("statefulset", "langflow-greeting-set")
SCHEMA = json.loads((ROOT / "schemas" / "result.v1.json").read_text())


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    found = lab_from_environment()
    if isinstance(found, str):
        pytest.skip(found)
    found.delete_namespace()
    yield found
    found.delete_namespace(wait=False)


@pytest.fixture(scope="module")
def stable(lab: Lab) -> str:
    """The stable image, by digest: the sample flow on the base image."""
    made = flowdrill(
        *("image", "flow", "scenarios/flows/greeting.json", "--base", lab.base_image, "--plain-http"),
        *("--to", f"{lab.registry}/{REPOSITORY}:1.0.0"),
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def deployment(lab: Lab, stable: str) -> str:
    lab.deploy("kubernetes.yaml", stable, _hurry)
    lab.wait_ready(*DEPLOYMENT)
    return stable


def _hurry(item: dict[str, Any]) -> None:
    """Less patience: a pod that is told to end while LangFlow still starts takes all its grace."""
    if item["kind"] in ("Deployment", "StatefulSet"):
        item["spec"]["replicas"] = 2
        pod = item["spec"]["template"]["spec"]
        pod["terminationGracePeriodSeconds"] = 10
        pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] = ["sleep", "2"]


@pytest.fixture(scope="module")
def statefulset(lab: Lab, stable: str) -> str:
    lab.deploy("kubernetes.yaml", stable, _hurry)  # both have the same Secret and namespace
    lab.deploy("statefulset.yaml", stable, _hurry)
    lab.wait_ready(*STATEFULSET)
    return stable


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Path]:
    """Write a changed copy of a shipped drill; keys are given as `load__url=…`."""

    def changed(name: str = "edge-missing", **changes: object) -> Path:
        drill = read_drill(ROOT / "drills" / f"{name}.yaml").model_dump(mode="json", by_alias=True) | {"extends": None}
        drill["scenario"] = str(ROOT / "scenarios" / drill["scenario"])
        # half a CPU serves 20 requests/s on a fast machine, and 10 on one that is shared
        drill["load"]["requests_per_second"] = min(8, drill["load"]["requests_per_second"])
        drill |= {"baseline": {"window": "8s", "max_bad_ratio": "10%"}, "hold": "3s"}
        for path, value in changes.items():
            *parents, key = path.split("__")
            place = drill
            for parent in parents:
                place = place.setdefault(parent, {})
            place[key] = value
        file = tmp_path / "drill.yaml"
        file.write_text(json.dumps(drill))
        return file

    return changed


def result_in(out: Path) -> dict[str, Any]:
    (folder,) = out.iterdir()
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    jsonschema.validate(result, SCHEMA)
    return result


def status_of(result: dict[str, Any], name: str) -> str:
    found = [a for a in result["checks"] + result["objectives"] if a["name"] == name]
    assert found, f"no {name} in {result['checks']}"
    return str(found[-1]["status"])


def assert_restored(lab: Lab, kind: str, name: str, stable: str) -> None:
    """From outside: the template, the pods, the registry, the history and the lease are as before."""
    assert lab.image_of(kind, name) == stable
    lab.wait_ready(kind, name)
    assert lab.running_digests(f"app={name}") == {stable.rpartition("@")[2]}
    assert [tag for tag in lab.tags(REPOSITORY) if tag.startswith("drill-")] == []
    assert [image for image in lab.revisions(kind) if ":drill-" in image] == []
    assert lab.leases() == []


def assert_untouched(lab: Lab, kind: str, name: str, generation: int) -> None:
    assert lab.workload(kind, name).metadata.generation == generation
    assert lab.leases() == []
    assert [tag for tag in lab.tags(REPOSITORY) if tag.startswith("drill-")] == []


def test_a_broken_image_is_detected_rolled_back_measured_and_reported_also_anew_byte_for_byte(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = flowdrill("run", plan(), "--context", lab.context, "--out", out, "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = result_in(out)
    assert json.loads(ran.stdout) == result
    assert result["verdict"] == "pass"
    measures = result["measures"]
    for measure in filter(None, measures.values()):
        assert measure["earliest"] <= measure["seconds"] <= measure["latest"]
    assert result["requests"]["bad"] > 0
    stages = [stage["stage"] for stage in result["recovery_stages"]]
    assert stages[0] == "API accepted"
    assert stages[-1] == "first good answer"
    assert_restored(lab, *DEPLOYMENT, deployment)
    (folder,) = out.iterdir()
    evidence = [path for path in (folder / "evidence").iterdir() if "log" in path.name]
    assert evidence, "the broken pods' logs were not kept"
    assert (folder / "load" / "locust_stats.csv").exists()
    for path in folder.rglob("*"):
        assert path.is_dir() or API_KEY.encode() not in path.read_bytes(), f"the API key is in {path}"
    names = ("result.json", "report.html", "report.md", "junit.xml", "metrics.prom")
    before = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    assert flowdrill("report", folder).returncode == 0
    assert {name: (folder / name).read_bytes() for name in names} == before


@pytest.mark.endurance
def test_a_statefulset_is_drilled_the_same_way(
    lab: Lab, statefulset: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = flowdrill("run", plan("edge-missing-statefulset"), "--context", lab.context, "--out", out)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert result_in(out)["verdict"] == "pass"
    assert_restored(lab, *STATEFULSET, statefulset)


def test_a_stable_image_that_the_registry_no_longer_holds_fails_preflight(
    lab: Lab, deployment: str, stable: str, tmp_path: Path
) -> None:
    generation = lab.workload(*DEPLOYMENT).metadata.generation
    lab.delete_manifest(REPOSITORY, stable.rpartition("@")[2])
    try:
        ran = flowdrill("run", "drills/edge-missing.yaml", "--context", lab.context, "--out", tmp_path)
    finally:
        again = flowdrill(
            *("image", "flow", "scenarios/flows/greeting.json", "--base", lab.base_image, "--plain-http"),
            *("--to", f"{lab.registry}/{REPOSITORY}:1.0.0"),
        )
    assert again.stdout.strip() == stable, "the same flow on the same base must give the same digest"
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert status_of(result_in(tmp_path), "stable_image_retained") == "fail"
    assert stable.rpartition("@")[2] in ran.stderr
    assert_untouched(lab, *DEPLOYMENT, generation)


def test_a_noisy_baseline_is_inconclusive_and_leaves_everything_untouched(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    generation = lab.workload(*DEPLOYMENT).metadata.generation
    out = tmp_path / "out"
    with flaky_proxy("http://127.0.0.1:30786", bad_ratio=0.3, seed=7) as url:
        ran = flowdrill("run", plan(load__url=url), "--context", lab.context, "--out", out)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    result = result_in(out)
    assert result["verdict"] == "inconclusive"
    assert result["images"]["broken"] is None
    assert_untouched(lab, *DEPLOYMENT, generation)


@pytest.mark.endurance
def test_a_signal_in_mid_drill_restores_and_reports(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    drill = plan()
    command = [sys.executable, "-m", "flowdrill", "run", str(drill), "--context", lab.context, "--out", str(out)]
    env = {**os.environ, "LANGFLOW_API_KEY": API_KEY}
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: ":drill-" in lab.image_of(*DEPLOYMENT), 120, "the workload broken")
        assert lab.leases() == ["flowdrill-deployment-langflow-greeting"]
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    result = result_in(out)
    assert result["verdict"] == "inconclusive"
    assert result["end"] == "interrupted"
    assert_restored(lab, *DEPLOYMENT, deployment)


@pytest.mark.endurance
@pytest.mark.parametrize("name", ["memory-leak", "blocks-the-event-loop", "exits-on-request"])
def test_a_scenario_does_here_what_it_does_on_the_embedded_cluster(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    out = tmp_path / "out"
    scenario = find_scenario(name).scenario
    drill = plan(name, objectives={}, detect__limit="90s")
    ran = flowdrill("run", drill, "--context", lab.context, "--out", out)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = result_in(out)
    detected = {found["detector"] for found in result["detections"]}
    assert detected >= set(scenario.detected_by), ran.stdout
    assert not detected & set(scenario.not_detected_by), ran.stdout
    assert status_of(result, "symptom_seen") == "pass"
    assert_restored(lab, *DEPLOYMENT, deployment)


@pytest.mark.endurance
def test_a_flow_in_a_config_map_is_not_brought_back_by_a_rollback(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    def alone(item: dict[str, Any]) -> None:
        _hurry(item)
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = 1

    lab.deploy("config-map.yaml", deployment, alone)
    lab.wait_ready("deployment", "langflow-from-config")
    out = tmp_path / "out"
    drill = plan("config-map-broken", rollback__limit="90s")
    ran = flowdrill("run", drill, "--context", lab.context, "--out", out)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    result = result_in(out)
    assert status_of(result, "rollback_helped") == "fail"
    assert status_of(result, "ends_on_stable_digest") == status_of(result, "nothing_left_behind") == "pass"
    lab.delete_deployment("langflow-from-config")


@pytest.fixture(scope="module")
def assistant(lab: Lab) -> Iterator[str]:
    """A flow that asks a model, by an address behind which there is nothing yet. Its stable image, by digest."""

    def alone(item: dict[str, Any]) -> None:
        _hurry(item)
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = 1

    made = flowdrill(
        *("image", "flow", "scenarios/flows/assistant.json", "--base", lab.base_image, "--plain-http"),
        *("--to", f"{lab.registry}/langflow-assistant:1.0.0"),
    )
    assert made.returncode == 0, made.stderr
    stable = made.stdout.strip()
    lab.deploy("assistant.yaml", stable, alone)
    lab.wait_ready("deployment", "langflow-assistant")
    yield stable
    lab.delete_deployment("langflow-assistant")


@pytest.mark.endurance
def test_the_model_provider_of_a_drill_is_started_by_it_and_taken_away(
    lab: Lab, assistant: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    # a rollback that completes too late shows nothing of whether it helped
    drill = plan("provider-down", objectives={}, detect__limit="90s", rollback__limit="60s")
    out = tmp_path / "out"
    ran = flowdrill("run", drill, "--context", lab.context, "--out", out)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    result = result_in(out)
    assert status_of(result, "provider_started") == status_of(result, "symptom_seen") == "pass"
    assert status_of(result, "rollback_helped") == "fail"
    assert result["tokens"]["baseline"]["tokens_per_user_request"] == pytest.approx(6, rel=0.2)
    assert result["tokens"]["outage"]["provider_requests"] > 0
    assert status_of(result, "ends_on_stable_digest") == status_of(result, "nothing_left_behind") == "pass"
    assert lab.running_digests("app=langflow-assistant") == {assistant.rpartition("@")[2]}
    assert "flowdrill-provider" not in lab.deployments()
    assert lab.pods("app=flowdrill-provider") == lab.leases() == []
    assert [tag for tag in lab.tags("langflow-assistant") if tag.startswith("drill-")] == []


def role(name: str, rules: list[dict[str, list[str]]]) -> list[dict[str, Any]]:
    metadata = {"name": name, "namespace": NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    api = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": api, "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": api, "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": [subject]},
    ]


def printed_roles(drill: Path, identity: str) -> list[dict[str, Any]]:
    printed = flowdrill("rbac", drill, "--for", identity, "--json")
    assert printed.returncode == 0, printed.stderr
    return list(json.loads(printed.stdout)["items"])


def test_the_rollback_is_taken_as_the_identity_that_would_really_take_it(
    lab: Lab, deployment: str, plan: Callable[..., Path], tmp_path: Path
) -> None:
    generation = lab.workload(*DEPLOYMENT).metadata.generation
    user = f"system:serviceaccount:{NAMESPACE}:on-call"
    drill = plan(rollback__as=user)
    lab.apply(role("on-call", [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}]))
    refused = flowdrill("run", drill, "--context", lab.context, "--out", tmp_path / "refused")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert user in refused.stderr
    assert "patch" in refused.stderr
    assert status_of(result_in(tmp_path / "refused"), "responder_may_roll_back") == "fail"
    assert_untouched(lab, *DEPLOYMENT, generation)

    # with what `flowdrill rbac` prints for both identities, and nothing else, the whole drill passes
    lab.apply(printed_roles(drill, "on-call"))
    harness = printed_roles(drill, "harness")
    lab.apply(harness)
    own = {"KUBECONFIG": str(lab.kubeconfig_of("flowdrill", tmp_path))}
    permitted = flowdrill("run", drill, "--context", "own", "--out", tmp_path / "permitted", env=own)
    lab.delete_cluster_roles(harness)
    assert permitted.returncode == 0, permitted.stdout + permitted.stderr
    result = result_in(tmp_path / "permitted")
    assert result["run"]["rolled_back_as"] == user
    assert [a["name"] for a in result["checks"] if a["status"] in ("fail", "unknown")] == []
    assert "ledger: " in permitted.stderr  # an entry, or the one of today
    assert "NOT written" not in permitted.stderr
    assert_restored(lab, *DEPLOYMENT, deployment)
