"""What the contract tests of the `Workload` port stand on: one bench in memory, one on a real cluster."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubernetes import client, config

from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.engine.facts import Fact, WorkloadChanged
from flowdrill.engine.workload_ports import Workload
from flowdrill.model.drill import Target
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.workload import WorkloadKind, WorkloadSnapshot
from tests.fakes.fake_time import FakeTime
from tests.fakes.fake_workload import FakeWorkload

ALLOWED, FORBIDDEN = "on-call", "nobody-special"
SECRET = "hunter2-in-the-manifest"  # the value of an environment variable called API_KEY
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Bench(Protocol):
    """A healthy workload on the stable image, and images to change it to."""

    kind: WorkloadKind
    workload: Workload
    facts: list[Fact]  # told since watch()
    stable: str
    broken: str  # starts and becomes ready
    unpullable: str  # never starts

    def for_responder(self, user: str) -> Workload:
        """The same workload, with `user` as whoever rolls back."""
        ...

    def until(self, condition: Callable[[], object]) -> None:
        """Let the world go on until the condition holds; AssertionError when it takes too long."""
        ...


def watch(bench: Bench) -> None:
    bench.workload.start_watching(bench.facts.append)


def told(bench: Bench) -> list[WorkloadSnapshot]:
    return [fact.snapshot for fact in list(bench.facts) if isinstance(fact, WorkloadChanged)]


def runs_only(seen: WorkloadSnapshot, image: str) -> bool:
    """Whether the rollout to `image` is complete and no other pod is left."""
    counts = {seen.replicas, seen.updated_replicas, seen.ready_replicas, seen.available_replicas}
    complete = seen.observed_generation >= seen.generation and counts == {seen.wanted_replicas}
    return complete and all(p.image == image and p.image_digest and not p.deleting for p in seen.pods)


def roll_out(bench: Bench, image: str, change_cause: str | None = None) -> None:
    bench.workload.set_image(image, change_cause)
    bench.until(lambda: runs_only(bench.workload.snapshot(), image))


class FakeBench:
    """The fake, on fake time."""

    def __init__(self, kind: WorkloadKind) -> None:
        self.kind = kind
        self.time = FakeTime()
        self.facts: list[Fact] = []
        self.stable, self.broken, self.unpullable = (f"r.example/flow@sha256:{one * 64}" for one in "abc")
        self.workload = FakeWorkload(
            self.time, self.stable, kind=kind, forbid={FORBIDDEN}, never_ready={self.unpullable}
        )

    def for_responder(self, user: str) -> Workload:
        self.workload.responder = user
        return self.workload

    def until(self, condition: Callable[[], object]) -> None:
        end_ns = self.time.now_ns() + 60 * 10**9
        while not condition():
            assert self.time.now_ns() < end_ns, f"not within 60 s: {self.workload.snapshot()}"
            self.time.next(self.time.now_ns() + 10**8)


@dataclass
class RealBench:
    """A workload of its own in a namespace of a real cluster."""

    kind: WorkloadKind
    workload: Workload
    target: Target
    stable: str
    broken: str
    unpullable: str
    open_for: Callable[[RollbackPlan], Workload]  # the same workload with somebody else as the responder
    facts: list[Fact] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.target.namespace

    def for_responder(self, user: str) -> Workload:
        return self.open_for(RollbackPlan.model_validate({"as": user}))

    def until(self, condition: Callable[[], object]) -> None:
        wait_until(condition, self.workload.snapshot)


def wait_until(condition: Callable[[], object], last_seen: Callable[[], object]) -> None:
    end, pause = time.monotonic() + 90, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within 90 s: {last_seen()}"
        pause.wait(0.2)


@dataclass(frozen=True)
class Cluster:
    """A namespace with two images, for as long as the tests run."""

    context: str
    kubeconfig: str
    namespace: str
    api: client.ApiClient
    images: tuple[str, str]
    unpullable: str
    untouched: dict[WorkloadKind, str] = field(default_factory=dict)  # workloads that a test left as they were made

    def deploy(self, kind: WorkloadKind, name: str, **more_of_pod: Any) -> None:
        """Create a workload with two replicas of the first image, and a Service in front of it."""
        env = [{"name": "API_KEY", "value": SECRET}, {"name": "COLOUR", "value": "blue"}]
        container = {"name": "flow", "image": self.images[0], "env": env}
        quick = {"terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False, "enableServiceLinks": False}
        pod = {"containers": [container], **quick, **more_of_pod}
        labels, rule = {"app": name}, {"key": "app", "operator": "In", "values": [name]}
        spec: dict[str, Any] = {
            "replicas": 2,
            "selector": {
                "matchLabels": labels,
                "matchExpressions": [rule],
            },
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
        service = {"metadata": {"name": name}, "spec": {"selector": labels, "ports": ports}}
        client.CoreV1Api(self.api).create_namespaced_service(self.namespace, service)
        apps = client.AppsV1Api(self.api)
        if kind is WorkloadKind.DEPLOYMENT:
            apps.create_namespaced_deployment(self.namespace, {"metadata": {"name": name}, "spec": spec})
        else:
            spec["serviceName"] = name
            apps.create_namespaced_stateful_set(self.namespace, {"metadata": {"name": name}, "spec": spec})

    @contextmanager
    def bench(self, kind: WorkloadKind) -> Iterator[RealBench]:
        """A healthy workload, for this test alone: a new one, or one that no test before has changed or locked."""
        name = self.untouched.pop(kind, "")
        if not name:
            name = f"app-{secrets.token_hex(3)}"
            self.deploy(kind, name)
        target = Target(namespace=self.namespace, workload=f"{kind}/{name}")
        with ExitStack() as stack:

            def opened(plan: RollbackPlan) -> Workload:
                found = open_workload(self.context, target, kubeconfig=self.kubeconfig, rollback=plan)
                return stack.enter_context(found)

            workload = opened(RollbackPlan())
            bench = RealBench(kind, workload, target, *self.images, self.unpullable, opened)
            bench.until(lambda: runs_only(workload.snapshot(), self.images[0]))
            bench.until(lambda: all(pod.in_endpoints for pod in workload.snapshot().pods))
            before = workload.snapshot()
            yield bench
            untouched = workload.snapshot() == before and not self._is_locked(name)
        if untouched:
            self.untouched[kind] = name
        else:
            self.delete(kind, name)

    def _is_locked(self, name: str) -> bool:
        leases = client.CoordinationV1Api(self.api).list_namespaced_lease(self.namespace).items
        return any(lease.metadata.name.endswith(name) for lease in leases)

    def delete(self, kind: WorkloadKind, name: str) -> None:
        """Delete the workload, so that its pods make room for the next; its Service goes with the namespace."""
        apps = client.AppsV1Api(self.api)
        deployment = kind is WorkloadKind.DEPLOYMENT
        delete = apps.delete_namespaced_deployment if deployment else apps.delete_namespaced_stateful_set
        delete(name, self.namespace)


@contextmanager
def cluster(context: str, kubeconfig: str, registry: str) -> Iterator[Cluster]:
    """A namespace, a Role for ALLOWED to patch workloads in it, and two images that differ in a label."""
    name = f"flowdrill-contract-{secrets.token_hex(3)}"
    made = [labelled_pause(registry, name, label) for label in ("stable", "broken")]
    unpullable = f"{registry}/{name}@sha256:{'0' * 64}"
    with config.new_client_from_config(config_file=kubeconfig, context=context) as api:
        core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
        core.create_namespace({"metadata": {"name": name}})
        try:
            rules = [
                {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "patch"]},
                {"apiGroups": ["apps"], "resources": ["replicasets", "controllerrevisions"], "verbs": ["get"]},
            ]
            rbac.create_namespaced_role(name, {"metadata": {"name": "roll-back"}, "rules": rules})
            group = "rbac.authorization.k8s.io"
            binding = {
                "metadata": {"name": "roll-back"},
                "roleRef": {"apiGroup": group, "kind": "Role", "name": "roll-back"},
                "subjects": [{"apiGroup": group, "kind": "User", "name": ALLOWED}],
            }
            rbac.create_namespaced_role_binding(name, binding)
            yield Cluster(context, kubeconfig, name, api, (made[0], made[1]), unpullable)
        finally:
            core.delete_namespace(name)
            for image in made:
                digest = image.partition("@")[2]
                ask_registry(registry, "DELETE", f"{name}/manifests/{digest}")


def labelled_pause(registry: str, repository: str, label: str) -> str:
    """Copy the lab's pause image, a program that only waits, with a label more; return its reference by digest."""
    _, manifest = ask_registry(registry, "GET", "pause/manifests/lab", None, {"Accept": MANIFEST})
    image = json.loads(manifest)
    _, content = ask_registry(registry, "GET", f"pause/blobs/{image['config']['digest']}")
    settings = json.loads(content)
    settings["config"]["Labels"] = {"test": f"{repository}-{label}"}
    blob = json.dumps(settings).encode()
    image["config"] |= {"digest": _digest(blob), "size": len(blob)}
    for layer in image["layers"]:
        ask_registry(registry, "POST", f"{repository}/blobs/uploads/?mount={layer['digest']}&from=pause")
    location, _ = ask_registry(registry, "POST", f"{repository}/blobs/uploads/")
    path = location.partition("/v2/")[2]
    ask_registry(
        registry,
        "PUT",
        f"{path}{'&' if '?' in path else '?'}digest={_digest(blob)}",
        blob,
        {"Content-Type": "application/octet-stream"},
    )
    content = json.dumps(image).encode()
    ask_registry(registry, "PUT", f"{repository}/manifests/{label}", content, {"Content-Type": MANIFEST})
    return f"{registry}/{repository}@{_digest(content)}"


def ask_registry(
    registry: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[str, bytes]:
    """Return the Location header and the body."""
    request = urllib.request.Request(f"http://{registry}/v2/{path}", body, headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers.get("Location") or "", answer.read()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
