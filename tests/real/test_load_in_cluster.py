"""A drill whose load comes from the cluster: Locust's master and workers as Jobs of a real Kubernetes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.locust_load import LocustLoad
from flowdrill.edges.planfiles.reading import read_drill, shipped_scenarios
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.engine.facts import Fact, RecordsArrived
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.measured import Measure
from flowdrill.model.outcome import Record
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, stand_on
from tests.contract.playground import Json
from tests.real.lab import ROOT, flowdrill, until
from tests.real.test_guard_job import ANSWERS
from tests.real.test_in_cluster import forget, own_image

pytestmark = pytest.mark.kubernetes
MASTER, WORKERS = f"flowdrill-load-deployment-{NAME}", f"flowdrill-loaders-deployment-{NAME}"
OVER = {"Succeeded", "Failed"}  # phases
SCENARIO = {
    "scenario": "wrong-version",
    "story": "A release with another setting.",
    "changes": {"env": {"set": {"VERSION": "broken"}}},
    "symptom": "no-service",
    "seen_by_users": "while the one replica is replaced connections fail; then there is another answer",
}
BATCH, POLICIES = "/apis/batch/v1/namespaces/{}/jobs", "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


@dataclass(frozen=True)
class Loaded:
    """A workload, and an image for the pods that send its load."""

    stand: Stand
    image: str
    folder: Path

    def drill_file(self, name: str, *, inside: bool, image: str | None = None, hold: str = "3s", **load: Any) -> Path:
        """A drill whose load comes from the cluster, or from this machine."""
        plan = self.stand.drill(limit="60s", guard={"lease": "10s"}).model_dump(mode="json", by_alias=True)
        plan |= {"drill": name, "extends": None, "scenario": str(self.folder / "scenario"), "hold": hold}
        plan["baseline"] |= {"window": "5s"}
        plan["load"] |= {"requests_per_second": 10, "latency_objective": "5s", "timeout": "10s"}
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
        folder = next(out.iterdir(), None) if out.is_dir() else None
        assert folder is not None, f"no run folder: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done, folder

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
def loaded(real_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "scenario").mkdir()
    (folder / "scenario" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO | {"scenario": "scenario"}))
    user = {"runAsUser": 65534, "runAsNonRoot": True}
    own = {"requests": {"cpu": "500m"}}  # else pods that request some would starve it on the one node
    with stand_on(real_place, command=["python3", "-u", "-c", ANSWERS], securityContext=user, resources=own) as stand:
        # one version at a time: else it is chance which of two observers meets the new one first
        recreate = {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
        stand.play.kubectl("patch", "deployment", NAME, "-p", json.dumps(recreate))
        repository = f"{stand.play.namespace}-load"
        image = own_image(real_place, repository)
        try:
            yield Loaded(stand, image, folder)
        finally:
            if repository in image:
                forget(real_place.registry, repository)


@contextmanager
def witness(plan: LoadPlan, folder: Path) -> Iterator[list[Record]]:
    """One Locust process that sends the same load at the same time, from this machine, and tells of each request."""
    records = list[Record]()

    def tell(fact: Fact) -> None:
        if isinstance(fact, RecordsArrived):
            records.extend(fact.records)

    file = shipped_scenarios() / "load" / "run_flow.py"
    folder.mkdir()
    load = LocustLoad(plan, environ=os.environ, folder=folder, locust_file=file, clock=MonotonicClock())
    load.start(tell)
    try:
        yield records
    finally:
        load.stop()


def overlaps(one: Measure | None, other: Measure | None) -> bool:
    assert one is not None
    assert other is not None
    return one.earliest <= other.latest and other.earliest <= one.latest


def test_three_workers_in_the_cluster_measure_what_one_process_does(loaded: Loaded) -> None:
    template = loaded.stand.template()
    file = loaded.drill_file("shared", inside=True)
    alone = read_drill(loaded.drill_file("alone", inside=False)).load
    with witness(alone, loaded.folder / "witness") as records:
        done, folder = loaded.run(file)
    assert done.returncode == 0, done.stdout + done.stderr
    record = read_run(folder)
    shared = report_of(record).result
    one = report_of(replace(record, records=tuple(records), frames=None)).result
    said = f"{shared.measures}\n{one.measures}"
    assert overlaps(shared.measures.time_to_detect, one.measures.time_to_detect), said
    assert overlaps(shared.measures.time_to_recover, one.measures.time_to_recover), said
    assert loaded.stand.template() == template
    assert loaded.left() == []


@pytest.mark.endurance
def test_an_image_that_is_not_there_is_found_before_anything_is_broken(loaded: Loaded) -> None:
    nowhere = loaded.image.partition("@")[0].rpartition(":")[0] + ":not-there"
    done, _ = loaded.run(loaded.drill_file("nowhere", inside=True, image=nowhere))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "load_image_pullable" in done.stdout + done.stderr
    assert loaded.left() == []


@contextmanager
def begun(loaded: Loaded, name: str, **load: Any) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A drill that has broken the workload; and its run folder."""
    file, out = loaded.drill_file(name, inside=True, hold="20s", **load), loaded.folder / name
    arguments = ["run", str(file), "--context", loaded.stand.play.context, "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "flowdrill", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        until(lambda: has_broken(out) or process.poll() is not None, 180, "the workload is broken")
        assert process.poll() is None, process.communicate()[0]
        yield process, next(out.iterdir())
    finally:
        process.kill()
        process.communicate()


def guards_of(folder: Path) -> list[int]:
    """The processes that watch over a run on this machine."""
    found = ((one.parent.name, one.read_bytes().split(b"\0")) for one in Path("/proc").glob("[0-9]*/cmdline"))
    named = [b"flowdrill.standing_in.guarding", str(folder.absolute()).encode()]
    return [int(pid) for pid, words in found if all(name in words for name in named)]


def has_broken(out: Path) -> bool:
    return any('"purpose":"break"' in one.read_text() for one in out.glob("*/events.jsonl"))


@pytest.mark.endurance
def test_nobody_is_left_under_load_when_the_harness_is_killed(loaded: Loaded) -> None:
    template = loaded.stand.template()
    with begun(loaded, "killed") as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: loaded.left() == [], 150, "the guard has put everything back")
    assert loaded.stand.template() == template


@pytest.mark.endurance
def test_without_a_harness_and_a_guard_the_master_ends_the_load_and_restore_removes_it(loaded: Loaded) -> None:
    template = loaded.stand.template()
    with begun(loaded, "orphan") as (process, folder):
        for guard in guards_of(folder):
            os.kill(guard, signal.SIGKILL)
        process.send_signal(signal.SIGKILL)
        process.wait()
    until(
        lambda: all(one["status"]["phase"] in ("Succeeded", "Failed") for one in loaded.pods("master")), 90, "it ends"
    )
    until(
        lambda: all(one["status"]["phase"] in ("Succeeded", "Failed") for one in loaded.pods("worker")), 90, "they end"
    )
    assert loaded.left() != []
    done = flowdrill("restore", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert loaded.left() == []
    assert loaded.stand.template() == template


@pytest.mark.endurance
def test_a_worker_that_is_lost_is_named_and_another_takes_its_share(loaded: Loaded) -> None:
    with begun(loaded, "evicted") as (process, folder):
        lost = str(loaded.pods("worker")[0]["metadata"]["name"])
        loaded.stand.play.kubectl("delete", "pod", lost, "--grace-period=1", "--wait=false")
        said = process.communicate(timeout=240)[0]
        assert process.returncode == 3, said  # a part of the schedule was not sent: never a pass
    assert "load_sent" in said
    noted = "\n".join(json.loads((folder / "result.json").read_text())["notes"])
    assert f"({lost}) left" in noted
    assert "joined late" in noted
    assert loaded.left() == []


@pytest.mark.endurance
def test_without_its_master_the_drill_ends_and_everything_is_put_back(loaded: Loaded) -> None:
    template = loaded.stand.template()
    with begun(loaded, "beheaded") as (process, _):
        master = str(loaded.pods("master")[0]["metadata"]["name"])
        loaded.stand.play.kubectl("delete", "pod", master, "--grace-period=0", "--force", "--wait=false")
        said = process.communicate(timeout=240)[0]
        assert process.returncode in (2, 3), said
    assert "PASS" not in said
    assert loaded.left() == []
    assert loaded.stand.template() == template
