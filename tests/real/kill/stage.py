"""A small service on a Kubernetes, the drill that is killed there, and how the service stands: looked at from outside,
as an administrator would."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes.client.exceptions import ApiException

from flowdrill.errors import FlowdrillError
from tests.contract.conftest import Place
from tests.contract.drilling import GOOD, NAME, Stand, stand_on
from tests.contract.playground import Json

LEASE_SECONDS = 5.0
ALLOWED_SECONDS = LEASE_SECONDS + 15.0  # what the issue promises
REPLICAS = 2
ANSWERS = """
import http.server, json, os, signal
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(json.dumps({"success": True, "result": os.environ["VERSION"]}).encode())
    def do_GET(self):
        self.answer(b"ready")
    def answer(self, body):
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""
SCENARIO = {
    "scenario": "wrong-version",
    "story": "Somebody has released another version.",
    "changes": {"env": {"set": {"VERSION": "broken"}}},
    "symptom": "bad-answers",
    "seen_by_users": "Another version's answer.",
}
_TEMPLATE = "template"
_KINDS = ("/api/v1/{}/configmaps", "/api/v1/{}/secrets", "/api/v1/{}/services", "/apis/apps/v1/{}/deployments")


@dataclass(frozen=True)
class Seen:
    """How the service stands: all that a drill may touch."""

    template: Json
    replicas: int
    annotations: Json
    objects: tuple[str, ...]  # everything of the namespace that people make, by kind and name
    tags: dict[str, str]


@dataclass(frozen=True)
class Awaited:
    """What came of waiting."""

    seconds: float  # until everything was as before, or was given up
    template_seconds: float | None  # until the template was
    problems: list[str]


@dataclass(frozen=True)
class Stage:
    """The service, and a folder with its drill."""

    stand: Stand
    folder: Path
    before: Seen

    @property
    def drill_file(self) -> Path:
        return self.folder / "drill.yaml"

    def problems(self) -> list[str]:
        """What is not as it was before any drill, each in words; none: all is well."""
        try:
            return self._problems()
        except (ApiException, urllib3.exceptions.HTTPError, FlowdrillError, OSError) as error:
            return [f"{_TEMPLATE} cannot be looked at: {error!r:.200}"]

    def until_as_before(self, since: float, allowed_seconds: float) -> Awaited:
        """Look until everything is as before, or that takes too long. `since` is monotonic."""
        template_seconds: float | None = None
        while True:
            problems, seconds = self.problems(), time.monotonic() - since
            if template_seconds is None and not any(one.startswith(_TEMPLATE) for one in problems):
                template_seconds = seconds
            if not problems or seconds > allowed_seconds:
                return Awaited(seconds, template_seconds, problems)
            time.sleep(0.1)

    def _problems(self) -> list[str]:
        play, now, found = self.stand.play, self._seen(), list[str]()
        for name in Seen.__dataclass_fields__:
            was, is_ = getattr(self.before, name), getattr(now, name)
            if was != is_:
                found.append(f"{name}: {_different(was, is_)}")
        if not play.complete(NAME):
            found.append(f"the rollout is not complete: {play.read('deployments', NAME).get('status')}")
        leases = play.raw("GET", f"/apis/coordination.k8s.io/v1/namespaces/{play.namespace}/leases")["items"]
        found += [f"lease {one['metadata']['name']} of {one['spec'].get('holderIdentity')}" for one in leases]
        pods = play.raw("GET", play.core_path("pods"))["items"]
        found += [text for pod in pods for text in self._problems_of(pod)]
        if len(pods) != REPLICAS:
            found.append(f"{len(pods)} pods, not {REPLICAS}")
        for one in play.raw("GET", play.apps_path("replicasets"))["items"]:
            image = one["spec"]["template"]["spec"]["containers"][0]["image"]
            if image != self.stand.image:
                found.append(f"revision {one['metadata']['name']} holds {image}")
        return found

    def _problems_of(self, pod: Json) -> list[str]:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        if pod["metadata"].get("deletionTimestamp"):
            return [f"pod {name} is going, since {pod['metadata']['deletionTimestamp']}"]
        (state, *_) = pod["status"].get("containerStatuses") or [{}]
        wrong = [] if container["image"] == self.stand.image else [f"pod {name} has {container['image']}"]
        if not str(state.get("imageID", "")).endswith(self.stand.digest):
            wrong.append(f"pod {name} runs {state.get('imageID')}")
        return wrong if state.get("ready") else [*wrong, f"pod {name} is not ready: {state.get('state')}"]

    def _seen(self) -> Seen:
        return seen_of(self.stand)


def seen_of(stand: Stand) -> Seen:
    """Look at everything that a drill may touch."""
    play = stand.play
    found = play.read("deployments", NAME)
    annotations = {
        name: text
        for name, text in (found["metadata"].get("annotations") or {}).items()
        if name != "deployment.kubernetes.io/revision"  # every rollout has one of its own
    }
    names = [
        f"{path.rpartition('/')[2]}/{one['metadata']['name']}"
        for path in _KINDS
        for one in play.raw("GET", path.format(f"namespaces/{play.namespace}"))["items"]
    ]
    return Seen(found["spec"]["template"], found["spec"]["replicas"], annotations, tuple(sorted(names)), stand.tags())


def _different(was: object, is_: object) -> str:
    return f"was {json.dumps(was, sort_keys=True)[:400]}, is {json.dumps(is_, sort_keys=True)[:400]}"


@contextmanager
def stage_on(place: Place, folder: Path) -> Iterator[Stage]:
    """A service of its own with a drill of it, and nothing left afterwards."""
    with stand_on(place, command=["python3", "-u", "-c", ANSWERS]) as stand:
        play = stand.play
        play.patch("deployments", NAME, {"spec": {"replicas": REPLICAS}})
        play.until(lambda: play.complete(NAME), "both replicas serve")
        (folder / "wrong-version").mkdir(parents=True)
        (folder / "wrong-version" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
        (folder / "drill.yaml").write_text(yaml.safe_dump(_drill(stand)))
        play.until(lambda: len(play.pods(NAME)) == REPLICAS, "no other pod is there")
        yield Stage(stand, folder, seen_of(stand))


def _drill(stand: Stand) -> dict[str, Any]:
    """A short one: the least that a drill needs of each of its phases."""
    return {
        "drill": "killed",
        "target": {"namespace": stand.play.namespace, "workload": f"deployment/{NAME}"},
        "scenario": "./wrong-version",
        "registry": {"plain_http": True},
        "load": {
            "url": f"http://127.0.0.1:{stand.port}", "route": "lfx-run",
            "flow": "f", "expect": GOOD, "requests_per_second": 20,
        },
        "baseline": {"window": "2s", "max_bad_ratio": "20%"},
        "detect": {"limit": "40s"},
        "rollback": {"limit": "60s"},
        "policy": {"ledger": {"file": "ledger.jsonl"}},
        "guard": {"lease": f"{LEASE_SECONDS:g}s"},
        "hold": "1s",
        "objectives": {"outage": "60s"},
    }  # fmt: skip


def flowdrill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
    )  # fmt: skip


def until(condition: Callable[[], bool], what: str, limit_seconds: float = 90.0) -> None:
    """Wait for something; AssertionError after the limit."""
    end = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < end, f"not after {limit_seconds:g} s: {what}"
        time.sleep(0.02)
