"""A drill whose load comes from the cluster: Locust's master and workers as Jobs of a real Kubernetes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, stand_on
from tests.contract.playground import Json
from tests.real.lab import ROOT, flowdrill
from tests.real.test_guard_job import ANSWERS

pytestmark = pytest.mark.kubernetes
MASTER, WORKERS = f"flowdrill-load-deployment-{NAME}", f"flowdrill-loaders-deployment-{NAME}"
SCENARIO = {
    "scenario": "wrong-version",
    "story": "A release with another setting.",
    "changes": {"env": {"set": {"VERSION": "broken"}}},
    "symptom": "bad-answers",
    "seen_by_users": "another answer",
}
BATCH, POLICIES = "/apis/batch/v1/namespaces/{}/jobs", "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


@dataclass(frozen=True)
class Loaded:
    """A workload, and an image for the pods that send its load."""

    stand: Stand
    image: str
    folder: Path

    def drill_file(self, name: str, *, inside: bool, image: str | None = None, **load: Any) -> Path:
        """A drill whose load comes from the cluster, or from this machine."""
        plan = self.stand.drill(limit="60s", guard={"lease": "10s"}).model_dump(mode="json", by_alias=True)
        plan |= {"drill": name, "extends": None, "scenario": str(self.folder / "scenario"), "hold": "3s"}
        plan["baseline"] |= {"window": "5s"}
        plan["load"] |= {"requests_per_second": 30, "latency_objective": "1s", "timeout": "5s"}
        if inside:
            node = os.environ["FLOWDRILL_TEST_REGISTRY"].partition(":")[0]
            plan["load"] |= {"url": f"http://{node}:{self.stand.port}", "workers": 3}
            plan["load"]["in_cluster"] = {"image": image or self.image}
        plan["load"] |= load
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps(plan))
        return file

    def run(self, file: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
        """Carry it out; the process that has ended, and its run folder."""
        out = self.folder / file.stem
        done = flowdrill("run", file, "--context", self.stand.play.context, "--out", out)
        return done, next(out.iterdir())

    def left(self) -> list[str]:
        """What is there beside the workload."""
        play, space = self.stand.play, self.stand.play.namespace
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases"
        found = [one for path in (BATCH, POLICIES) for one in play.raw("GET", path.format(space))["items"]]
        found += play.raw("GET", leases)["items"]
        pods = play.raw("GET", play.core_path("pods"))["items"]
        found += [one for one in pods if one["spec"]["containers"][0]["image"] != self.stand.image]
        return [str(one["metadata"]["name"]) for one in found]

    def pods(self, part: str) -> list[Json]:
        query = f"?labelSelector=flowdrill.dev/load={part}"
        return list(self.stand.play.raw("GET", self.stand.play.core_path("pods") + query)["items"])


@pytest.fixture(scope="module")
def real_place() -> Place:
    names = ("FLOWDRILL_TEST_CONTEXT", "KUBECONFIG", "FLOWDRILL_TEST_REGISTRY", "FLOWDRILL_TEST_BASE_IMAGE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"needs a Kubernetes to break: set {', '.join(missing)}")
    return Place(*(os.environ[name] for name in names))


@pytest.fixture(scope="module")
def loaded(real_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "scenario").mkdir()
    (folder / "scenario" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO | {"scenario": "scenario"}))
    user = {"runAsUser": 65534, "runAsNonRoot": True}
    with stand_on(real_place, command=["python3", "-u", "-c", ANSWERS], securityContext=user) as stand:
        yield Loaded(stand, built_image(real_place), folder)


def built_image(place: Place) -> str:
    """Build the shipped image on the place's base, or take one that is named."""
    named = os.environ.get("FLOWDRILL_TEST_OWN_IMAGE")
    if named:
        return named
    arguments = [".ci/build-image", place.image, f"{place.registry}/flowdrill-load:test", "--plain-http"]
    built = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return built.stdout.split()[-1]


def result_of(folder: Path) -> Json:
    return dict(json.loads((folder / "result.json").read_text()))


def test_a_drill_with_three_workers_in_the_cluster_agrees_with_one_process(loaded: Loaded) -> None:
    template = loaded.stand.template()
    alone, first = loaded.run(loaded.drill_file("alone", inside=False))
    assert alone.returncode == 0, alone.stdout + alone.stderr
    done, second = loaded.run(loaded.drill_file("shared", inside=True))
    assert done.returncode == 0, done.stdout + done.stderr
    print(json.dumps([result_of(one)["times"] for one in (first, second)], indent=1))
    assert loaded.stand.template() == template
    assert loaded.left() == []
