"""Every shipped experiment with the `chaos` command: real LangFlow, embedded and on a real Kubernetes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.cluster.base_image import Runtime
from flowdrill.edges.planfiles.reading import read_drill
from tests.real.chaos.experimenting import CHAOS
from tests.real.lab import API_KEY, ROOT, Lab, flowdrill, lab_from_environment, until
from tests.unit.chaos.experiments import SHIPPED

pytestmark = pytest.mark.endurance
DEVIATES = {"provider", "brake-obstacle"}  # that is what they find
_MOST_TRIES = 5  # a machine that is too busy answers late, and then nobody knows
_NAMESPACE = "flowdrill-experiments"
_FLOWS = {"kubernetes.yaml": "greeting.json", "assistant.yaml": "assistant.json"}
_PORT = "1"  # the second digit of the node ports: apart from those of an embedded cluster on this machine
Json = dict[str, Any]


def run(experiment: Path, folder: Path, **environ: str) -> Json:
    """`chaos run`, again where the machine was too busy; its journal, which its exit code is held against."""
    own = {name: text for name, text in os.environ.items() if name != "KUBECONFIG"}
    for attempt in range(_MOST_TRIES):
        journal_file = folder / f"journal-{attempt}.json"
        done = subprocess.run(
            [*CHAOS, "run", "--journal-path", str(journal_file), str(experiment)],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=560,
            env={**own, "LANGFLOW_API_KEY": API_KEY, "FLOWDRILL_OUT": str(folder / f"out-{attempt}"), **environ},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert API_KEY not in said
        journal: Json = json.loads(journal_file.read_text())
        assert done.returncode == (0 if (journal["status"], journal["deviated"]) == ("completed", False) else 1), said
        if journal["flowdrill"]["verdict"] != "inconclusive":
            break
    return journal


def assert_found(name: str, journal: Json) -> None:
    told = journal["flowdrill"]
    assert told["end"] == "completed", told
    assert journal["deviated"] is (name in DEVIATES), told
    assert told["verdict"] == ("fail" if name in DEVIATES else "pass"), told
    restored = next(one for one in journal["rollbacks"] if one["activity"]["name"] == "restore-stable-image")
    assert restored["status"] == "succeeded"
    left = next(one for one in journal["rollbacks"] if one["activity"]["name"] == "stop-load")
    assert left["status"] == "succeeded"


@pytest.mark.langflow
@pytest.mark.parametrize("experiment", SHIPPED, ids=lambda path: path.stem)
def test_on_the_embedded_cluster(langflow_runtime: Runtime, experiment: Path, tmp_path: Path) -> None:
    journal = run(experiment, tmp_path, FLOWDRILL_CLUSTER=str(tmp_path / "none"))
    assert_found(experiment.stem, journal)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    found = lab_from_environment()
    if isinstance(found, str):
        pytest.skip(found)
    kubectl(found, "delete", "namespace", _NAMESPACE, "--ignore-not-found", "--wait")
    yield found
    kubectl(found, "delete", "namespace", _NAMESPACE, "--ignore-not-found", "--wait=false")


def kubectl(lab: Lab, *arguments: str) -> str:
    command = [str(ROOT / ".venv/bin/kubectl"), "--context", lab.context, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def copied(experiment: Path, folder: Path) -> tuple[Path, str, str]:
    """The experiment about a drill in a namespace of the test's own, that drill's target file, and its workload."""
    made = yaml.safe_load(experiment.read_text())
    arguments = made["controls"][0]["provider"]["arguments"]
    drill = read_drill(ROOT / arguments["drill"])
    plan = drill.model_dump(mode="json", by_alias=True) | {"extends": None, "embedded": None}
    plan["target"]["namespace"] = _NAMESPACE
    plan["load"]["url"] = re.sub(r":3(\d)", rf":3{_PORT}", plan["load"]["url"])
    # less to do, and more time: this machine is the cluster, too
    plan["load"] |= {"requests_per_second": 3, "latency_objective": "4s"}
    plan |= {"baseline": {"window": "15s", "max_bad_ratio": "30%"}, "hold": "3s"}
    plan["objectives"] = {"time_to_detect": "60s", "time_to_recover": "4m"}
    for probe in made["steady-state-hypothesis"]["probes"]:
        if probe["provider"]["func"].startswith("time_to_"):
            probe["tolerance"]["range"] = [0, 240]
    plan["scenario"] = str(ROOT / "scenarios" / plan["scenario"])
    path = folder / "drill.yaml"
    path.write_text(json.dumps(plan))
    arguments["drill"] = str(path)
    copy = folder / experiment.name
    copy.write_text(yaml.safe_dump(made, sort_keys=False))
    assert drill.embedded is not None
    return copy, Path(drill.embedded.manifests).name, drill.target.workload


def moved(item: Json) -> None:
    """Into the test's namespace, to a port of its own, with less patience."""
    if item["kind"] == "Namespace":
        item["metadata"]["name"] = _NAMESPACE
    else:
        item["metadata"]["namespace"] = _NAMESPACE
    for port in item.get("spec", {}).get("ports", []):
        if "nodePort" in port:
            port["nodePort"] = int(f"3{_PORT}{str(port['nodePort'])[2:]}")
    if item["kind"] == "Deployment":
        pod = item["spec"]["template"]["spec"]
        pod["terminationGracePeriodSeconds"] = 10
        pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] = ["sleep", "2"]


@pytest.mark.kubernetes
@pytest.mark.parametrize("experiment", SHIPPED, ids=lambda path: path.stem)
def test_on_a_real_kubernetes(lab: Lab, experiment: Path, tmp_path: Path) -> None:
    copy, manifest, workload = copied(experiment, tmp_path)
    flow = _FLOWS[manifest]
    made = flowdrill(
        *("image", "flow", f"scenarios/flows/{flow}", "--base", lab.base_image, "--plain-http"),
        *("--to", f"{lab.registry}/experiments-{flow.removesuffix('.json')}:1.0.0"),
    )
    assert made.returncode == 0, made.stderr
    stable = made.stdout.strip()
    lab.deploy(manifest, stable, moved)
    kubectl(lab, "-n", _NAMESPACE, "rollout", "status", workload, "--timeout", "180s")
    where = {"FLOWDRILL_CONTEXT": lab.context, "KUBECONFIG": os.environ["KUBECONFIG"]}
    assert_found(experiment.stem, run(copy, tmp_path, **where))
    template = "-o=jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl(lab, "-n", _NAMESPACE, "get", workload, template) == stable
    kubectl(lab, "-n", _NAMESPACE, "rollout", "status", workload, "--timeout", "60s")
    until(lambda: not kubectl(lab, "-n", _NAMESPACE, "get", "leases", "-o=name"), 30, "no lease is left")
