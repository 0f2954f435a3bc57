"""The guard in the cluster on a real Kubernetes: the whole host of the harness goes away, and the Job restores."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.model.drill import Drill
from tests.contract.bench import ask_registry
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, stand_on
from tests.contract.guard_image import push_guard_image
from tests.contract.playground import Json
from tests.real.lab import ROOT, flowdrill, until

pytestmark = pytest.mark.kubernetes
LEASE_SECONDS = 10
ACTS_WITHIN_SECONDS = LEASE_SECONDS + 5 + 15
JOB = f"flowdrill-guard-deployment-{NAME}"
ANSWERS = """
import http.server, json, os, signal, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        says = {"success": True, "result": os.environ["VERSION"], "python": list(sys.version_info[:2])}
        body = json.dumps(says).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""


@dataclass(frozen=True)
class Guarded:
    """A workload, and an image for the guard in its cluster."""

    stand: Stand
    image: str
    folder: Path

    def drill_file(self, **env: str) -> Path:
        """A drill whose release sets these variables, with what the guard needs applied."""
        scenario = self.folder / "scenario"
        scenario.mkdir(exist_ok=True)
        (scenario / "scenario.yaml").write_text(
            yaml.safe_dump(
                {
                    "scenario": "scenario",
                    "story": "A release with another setting.",
                    "changes": {"env": {"set": env}},
                    "symptom": "bad-answers",
                    "seen_by_users": "another answer",
                }
            )
        )
        guard = {"lease": f"{LEASE_SECONDS}s", "in_cluster": {"image": self.image}}
        drill: Drill = self.stand.drill(guard=guard, limit="60s")
        plan = drill.model_dump(mode="json", by_alias=True) | {"extends": None, "scenario": str(scenario)}
        file = self.folder / "drill.yaml"
        file.write_text(json.dumps(plan))
        roles = flowdrill("rbac", file, "--for", "guard")
        assert roles.returncode == 0, roles.stderr
        self.stand.play.kubectl("apply", "-f", "-", stdin=roles.stdout)
        return file

    def image_now(self) -> str:
        return str(self.stand.template()["spec"]["containers"][0]["image"])

    def jobs(self) -> list[str]:
        space = f"/apis/batch/v1/namespaces/{self.stand.play.namespace}/jobs"
        return [str(one["metadata"]["name"]) for one in self.stand.play.raw("GET", space)["items"]]

    def leases(self) -> list[Json]:
        space = f"/apis/coordination.k8s.io/v1/namespaces/{self.stand.play.namespace}/leases"
        return list(self.stand.play.raw("GET", space)["items"])

    def nothing_is_left(self) -> bool:
        pods = self.stand.play.raw("GET", self.stand.play.core_path("pods"))["items"]
        images = {one["image"] for pod in pods for one in pod["spec"]["containers"]}
        return self.jobs() == [] and self.leases() == [] and images == {self.stand.image}


@pytest.fixture(scope="module")
def guarded(real_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    user = {"runAsUser": 65534, "runAsNonRoot": True}
    with stand_on(real_place, command=["python3", "-u", "-c", ANSWERS], securityContext=user) as stand:
        found = until(lambda: _python_of(stand), 30, "the base image's Python")
        if found != sys.version_info[:2]:
            pytest.skip(f"the base image has Python {found}, these tests {sys.version_info[:2]}: its packages differ")
        repository = f"{stand.play.namespace}-guard"
        image = push_guard_image(real_place.registry, real_place.image, repository)
        yield Guarded(stand, image, tmp_path_factory.mktemp("guarded"))
        digest = image.partition("@")[2]
        ask_registry(real_place.registry, "DELETE", f"{repository}/manifests/{digest}")


def test_a_drill_that_ends_by_itself_takes_its_guard_in_the_cluster_away(guarded: Guarded, tmp_path: Path) -> None:
    template, tags = guarded.stand.template(), guarded.stand.tags()
    drill = guarded.drill_file(VERSION="broken")
    ran = flowdrill("run", drill, "--context", guarded.stand.play.context, "--out", tmp_path, "--json")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    result = json.loads(ran.stdout)
    status = {one["name"]: one["status"] for one in result["checks"]}
    assert status["guard_job_permitted"] == status["nothing_left_behind"] == "pass"
    assert guarded.nothing_is_left()
    assert (guarded.stand.template(), guarded.stand.tags()) == (template, tags)


def test_the_job_puts_everything_back_when_the_harness_and_its_guard_die_with_their_host(
    guarded: Guarded, tmp_path: Path
) -> None:
    template, tags = guarded.stand.template(), guarded.stand.tags()
    drill = guarded.drill_file(UNUSED="x")  # no user is hit: it stays broken until the limit
    command = [sys.executable, "-m", "flowdrill", "run", str(drill), "--out", str(tmp_path)]
    command += ["--context", guarded.stand.play.context]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as harness:
        try:
            until(lambda: ":drill-" in guarded.image_now() or harness.poll() is not None, 120, "the workload broken")
            assert harness.poll() is None, harness.stderr and harness.stderr.read()
            until(lambda: guarded.stand.play.complete(NAME), 60, "the broken image is on every replica")
            assert guarded.jobs() == [JOB]
        finally:
            _host_goes_away(harness, tmp_path)
    until(lambda: guarded.stand.template() == template, ACTS_WITHIN_SECONDS, "put back")
    until(lambda: guarded.stand.play.complete(NAME), 60, "the stable image is on every replica")
    until(guarded.nothing_is_left, 120, "nothing is left: no Job, no Lease, and the stable image alone")
    assert guarded.stand.tags() == tags
    (told,) = guarded.stand.play.events("FlowdrillGuard")
    assert "everything is as it was before the drill" in told


def _python_of(stand: Stand) -> tuple[int, ...] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{stand.port}", timeout=3) as answer:
            return tuple(json.load(answer)["python"])
    except OSError:
        return None


def _host_goes_away(harness: subprocess.Popen[str], out: Path) -> None:
    """End the harness and everything that it has started, so that none sees the end of another."""
    harness.send_signal(signal.SIGSTOP)
    for pid in _processes_about(str(out)):
        os.kill(pid, signal.SIGKILL)
    harness.kill()


def _processes_about(folder: str) -> list[int]:
    """The guard beside the harness, and Locust: by the run folder in their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words: list[Any] = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        pid = int(path.parent.name)
        its = any(word.startswith(folder) for word in words)
        if its and "-m" in words and "flowdrill.standing_in.guarding" in words:
            found.append(pid)
    return found
