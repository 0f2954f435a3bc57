"""Whole drills of a small server on any Kubernetes: real API, registry and rollouts, and users in this process."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdrill.analysis.report_data import report_of
from flowdrill.cluster.state_folder import StateFolder
from flowdrill.edges.guard.post import Post, write_post
from flowdrill.edges.guard.process_guard import ProcessGuard
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.rollback.command import Command
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.engine.facts import Tell
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, Ports, RollbackStrategy
from flowdrill.engine.run import RunOutcome, run
from flowdrill.engine.workload_ports import Workload
from flowdrill.model.drill import Drill
from flowdrill.model.events import End, Event
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.provider_log import ProviderLog
from flowdrill.model.result import Assessment, Report, Result
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario
from flowdrill.model.undo import Undo, undo_to_json
from flowdrill.oci.client import open_registry
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import image_with, stored_image
from flowdrill.preparing.limiting import looks_of
from flowdrill.preparing.obstructing import obstacles_of
from flowdrill.preparing.opening import open_book, open_images
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from tests.contract.bench import ask_registry
from tests.contract.conftest import Place
from tests.contract.http_load import HttpLoad
from tests.contract.playground import SERVES, Json, Playground, playground
from tests.fakes.world import OLD_ADVISORIES, KeptEvidence, drill_of

NAME = "app"
GOOD = "v1"
RATE = 10
_MOST_TRIES = 5
SCENARIO = Scenario.model_validate(
    {
        "scenario": "wrong-version",
        "story": "s",
        "changes": {"env": {"set": {"VERSION": "broken"}}},
        "symptom": "bad-answers",
        "seen_by_users": "another answer",
    },
    strict=False,
)
Strategy = Callable[[Workload, Clock], RollbackStrategy]


@dataclass(frozen=True)
class Stand:
    """A server that answers with its image's VERSION, behind a node port, on an image of its own."""

    play: Playground
    registry: str  # as the nodes know it
    image: str  # by digest; its tag is 1.0.0
    port: int
    kind: str

    @property
    def repository(self) -> str:
        return self.play.namespace

    @property
    def digest(self) -> str:
        return self.image.partition("@")[2]

    @property
    def collection(self) -> str:
        return f"{self.kind}s"

    def drill(self, *obstacles: Json, limit: str = "3s", **more: Any) -> Drill:
        """`limit`: how long the rollback has; a failed one is waited for."""
        rollback = {"limit": limit, **more.pop("rollback", {})}
        return drill_of(
            drill="obstacle",
            target={"namespace": self.play.namespace, "workload": f"{self.kind}/{NAME}"},
            scenario="wrong-version",
            registry={"plain_http": True},
            load={
                "url": f"http://127.0.0.1:{self.port}", "route": "lfx-run", "flow": "f", "expect": GOOD,
                "requests_per_second": RATE,
            },
            baseline={"window": "2500ms", "max_bad_ratio": "20%"},
            detect={"limit": "40s"},
            rollback=rollback,
            obstacles=list(obstacles),
            hold="1s",
            objectives={"outage": "60s"},
            **more,
        )  # fmt: skip

    def template(self) -> Json:
        found: Json = self.play.read(self.collection, NAME)["spec"]["template"]
        return found

    def tags(self) -> dict[str, str]:
        """Every tag of the repository, with its digest."""
        with closing(open_registry(self.registry, plain_http=True)) as client:
            repository = Repository(client, self.repository)
            return {tag: str(repository.current_digest(tag)) for tag in repository.tags()}


@dataclass(frozen=True)
class Drilled:
    """What came of a drill."""

    outcome: RunOutcome
    report: Report
    undo: Undo
    evidence: dict[str, str]
    events: tuple[Event, ...]

    @property
    def result(self) -> Result:
        return self.report.result

    def check(self, name: str) -> Assessment:
        return next(one for one in (*self.result.checks, *self.result.objectives) if one.name == name)

    @property
    def told(self) -> str:
        return "\n".join((*self.result.reasons, *self.result.notes, str(self.outcome.error)))


@dataclass(frozen=True)
class Guarded:
    """A run folder for the guard's process, and its own way to the cluster."""

    folder: Path
    kubeconfig: str
    context: str
    fence: Fence

    def begin(self, workload: KubernetesWorkload) -> ProcessGuard:
        """Return the harness's side of it."""
        write_post(self.folder, Post(self.context, self.kubeconfig, str(self.folder)))
        return _WrittenDown(self.folder, workload.lease, self.fence, time.monotonic_ns)


class _WrittenDown(ProcessGuard):
    """The undo is in the run folder before the guard begins."""

    def begin(self, undo: Undo, tell: Tell) -> None:
        (self._folder / "undo.json").write_text(undo_to_json(undo), "utf-8")
        super().begin(undo, tell)


@contextmanager
def stand_on(
    place: Place, *, kind: str = "deployment", registry: str | None = None, **container: Any
) -> Iterator[Stand]:
    """A stand of its own, with nothing left afterwards. `registry`: another address of the place's registry, by which
    the nodes reach it."""
    with playground(place.context, place.kubeconfig, place.image) as play:
        made = push_serving_image(place.image, place.registry, play.namespace)
        image = f"{registry or place.registry}/{play.namespace}@{made}"
        try:
            port = _serve(play, image, kind, container)
            play.until(lambda: play.complete(NAME, f"{kind}s"), "it is served")
            yield Stand(play, registry or place.registry, image, port, kind)
        finally:
            ask_registry(place.registry, "DELETE", f"{play.namespace}/manifests/{made}")


def push_serving_image(image: str, registry: str, name: str) -> str:
    """Push an image of that registry with a VERSION, into the repository `name`; return the digest."""
    base = parse_image_reference(image)
    with closing(open_registry(registry, plain_http=True)) as client:
        source, target = Repository(client, base.repository), Repository(client, name)
        labels = {"dev.flowdrill.langflow-version": "1.13.0", "test": name}
        edit = ConfigEdit("test", set_env={"VERSION": GOOD}, labels=labels)
        made = image_with(stored_image(source, base, None), None, edit)
        for blob in made.manifest.layers:
            target.take_blob(blob, source)
        for content in made.blobs:
            target.push_blob(content)
        target.put_manifest(made.manifest.document, made.manifest.media_type, "1.0.0")
        return made.manifest.digest


def _serve(play: Playground, image: str, kind: str, container: Json) -> int:
    one = {
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        **container,
    }
    strategy = {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}} if kind == "deployment" else {}
    play.deploy(NAME, SERVES, kind="Deployment" if kind == "deployment" else "StatefulSet", container=one, **strategy)
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    spec = {"type": "NodePort", "selector": {"app": NAME}, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}
    return int(play.raw("POST", play.core_path("services"), service)["spec"]["ports"][0]["nodePort"])


def carry_out(
    stand: Stand, drill: Drill, strategy: Strategy = SetImage, near: Path = Path(), *, theirs: bool = False
) -> Drilled:
    """Carry out a drill, and see that everything is as it was before; `theirs`: but for what somebody else changes."""
    template, tags = stand.template(), stand.tags()
    for _ in range(_MOST_TRIES):  # a machine that is too busy has no steady baseline, and then nothing was touched
        drilled = drill_once(stand, drill, strategy, near)
        if drilled.outcome.end is not End.UNSTEADY:
            break
    assert drilled.outcome.error is None, drilled.told
    assert theirs or stand.template() == template, drilled.told
    assert stand.tags() == tags, drilled.told
    assert drilled.check("ends_on_stable_digest").status == "pass", drilled.told
    assert drilled.check("nothing_left_behind").status == "pass", drilled.told
    assert not drill.obstacles or drilled.check("obstacles_removed").status == "pass", drilled.told
    compared = drilled.check("restored_as_before")
    assert compared.status == ("warning" if theirs else "pass"), f"{compared}\n{drilled.told}"
    assert all(one.taken is not None and one.problem is None for one in drilled.result.obstacles), drilled.told
    assert_nothing_left(stand)
    return drilled


def assert_nothing_left(stand: Stand) -> None:
    """No lease, and no pod of another image."""
    play = stand.play
    leases = play.raw("GET", f"/apis/coordination.k8s.io/v1/namespaces/{play.namespace}/leases")["items"]
    assert leases == []
    image = stand.template()["spec"]["containers"][0]["image"]
    assert {pod["spec"]["containers"][0]["image"] for pod in play.pods(NAME)} == {image}


def drill_once(
    stand: Stand, drill: Drill, strategy: Strategy = SetImage, near: Path = Path(), *, kubeconfig: str | None = None,
    guarded: Guarded | None = None,
) -> Drilled:  # fmt: skip
    """Carry out a drill once, whatever comes of it. `kubeconfig`: the harness's way to the cluster; `guarded`: its
    guard, which is a process of its own."""
    play, clock, inbox, evidence = stand.play, MonotonicClock(), QueueInbox(), KeptEvidence()
    ours = kubeconfig or play.kubeconfig
    load, events = HttpLoad(drill.load.url, GOOD, RATE), list[Event]()
    with ExitStack() as stack:
        workload = stack.enter_context(
            open_workload(
                play.context, drill.target, kubeconfig=ours, rollback=drill.rollback,
                fence=None if guarded is None else guarded.fence,
            )
        )  # fmt: skip
        images = stack.enter_context(closing(open_images(drill.registry, _no_source)))
        book = stack.enter_context(open_book(drill, Path(), play.context, ours))
        switch = StateFolder(Path(play.kubeconfig).parent).registry_down
        way = strategy(workload, clock)
        ports = Ports(
            clock=clock, inbox=inbox, tell=inbox.tell, workload=workload, registry=images, load=load,
            evidence=evidence, rollback=way, ledger=book, program=way if isinstance(way, Command) else None,
            obstacles=obstacles_of(drill, workload, images, near, switch),
            around=looks_of(drill, workload, None, named=True),
            guard=None if guarded is None else guarded.begin(workload),
        )  # fmt: skip
        outcome = run(order_of_drill(drill, workload.container), ports, events.append)
    report = report_of(RunRecord(drill, SCENARIO, tuple(events), tuple(load.records), ProviderLog(None, None)))
    for one in report.result.obstacles:
        assert one.name in render_markdown(report)
        assert one.name in render_html(report)
    assert evidence.undo is not None, outcome
    return Drilled(outcome, report, evidence.undo, evidence.files, tuple(events))


def order_of_drill(drill: Drill, container: str) -> RunOrder:
    run_id = f"20260101T000000Z-obstacle-{secrets.token_hex(3)}"
    return RunOrder(drill, SCENARIO, run_id, container, "test", "v1", "0", "sha256:0", "here", b"", OLD_ADVISORIES)


def _no_source(name: str) -> bytes:
    raise AssertionError(name)
