"""What every `Provider` promises: the fake that the engine's tests use, and the one on a cluster."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client

from flowdrill.analysis.provider_log import provider_requests
from flowdrill.edges.kubernetes.provider import open_provider
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.planfiles.reading import shipped_scenarios
from flowdrill.engine.workload_ports import Provider, Workload
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import ProviderPlan, RegistryAccess
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import Program
from flowdrill.model.release import Beside
from flowdrill.model.scenario import ProviderChange, ProviderMode
from flowdrill.model.workload import WorkloadKind
from flowdrill.preparing.opening import open_images
from tests.contract.bench import Cluster, FakeBench, wait_until
from tests.contract.conftest import Place
from tests.fakes.fake_provider import FakeProvider

FILE = "/opt/stand-in/provider.py"

DOWN = ProviderChange(mode=ProviderMode.SERVER_ERROR)
# writes one request down when it starts, as the stand-in does for each that it serves
WRITES = """
import datetime, json, os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
now = datetime.datetime.now(datetime.timezone.utc).isoformat()
counts = {"prompt_tokens": 2, "completion_tokens": 4}
print("ready\\n" + json.dumps({"time": now, "mode": os.environ["PROVIDER_MODE"], "status": 200, **counts}), flush=True)
time.sleep(3600)
"""


@dataclass
class ProviderBench:
    """A provider in mode ok that has served one request, and a workload of its namespace, which may be the provider."""

    workload: Workload
    provider: Provider
    until: Callable[[Callable[[], object]], None]
    held: Callable[[], AbstractContextManager[None]]  # pods of now stay listed when they have ended, without a log

    def patch(self, beside: Beside, *, dry_run: bool = False) -> None:
        for name, patch in beside.items():
            self.workload.patch_beside(name, patch, dry_run=dry_run)

    def modes(self) -> set[str]:
        return {request.mode for request in provider_requests(self.provider.log(60).text)}


def fake_bench() -> ProviderBench:
    world = FakeBench(WorkloadKind.DEPLOYMENT)
    provider = FakeProvider(world.time)
    provider.join(world.workload.others)
    provider.serve()

    def until(condition: Callable[[], object]) -> None:
        def served() -> object:
            if not provider.log(60).text:
                provider.serve()
            return condition()

        world.until(served)

    @contextmanager
    def held() -> Iterator[None]:
        provider.unread = ("provider-1 (is terminated)",)
        yield

    return ProviderBench(world.workload, provider, until, held)


@contextmanager
def real_bench(cluster: Cluster, image: str) -> Iterator[ProviderBench]:
    name, apps = f"provider-{secrets.token_hex(3)}", client.AppsV1Api(cluster.api)
    apps.create_namespaced_deployment(cluster.namespace, _manifest(name, image))
    plan = ProviderPlan(workload=f"deployment/{name}")
    target = plan.target(cluster.namespace)
    try:
        with (
            open_workload(cluster.context, target, kubeconfig=cluster.kubeconfig) as workload,
            open_provider(cluster.context, plan, target, kubeconfig=cluster.kubeconfig) as provider,
        ):
            found = ProviderBench(
                workload,
                provider,
                lambda condition: wait_until(condition, provider.unsettled),
                lambda: held_pods(cluster, f"app={name}"),
            )
            found.until(lambda: provider.unsettled() is None and found.modes())
            yield found
    finally:
        apps.delete_namespaced_deployment(name, cluster.namespace)


@contextmanager
def held_pods(cluster: Cluster, selector: str) -> Iterator[None]:
    """A finalizer holds the pods in the list when their containers are gone."""
    core = client.CoreV1Api(cluster.api)
    names = [pod.metadata.name for pod in core.list_namespaced_pod(cluster.namespace, label_selector=selector).items]

    def hold(finalizers: list[str] | None) -> None:
        for name in names:
            core.patch_namespaced_pod(name, cluster.namespace, {"metadata": {"finalizers": finalizers}})

    hold(["flowdrill.test/held"])
    try:
        yield
    finally:
        hold(None)


def _manifest(name: str, image: str) -> dict[str, Any]:
    container = {
        "name": "provider",
        "image": image,
        "command": ["python3", "-u", "-c", WRITES],
        "env": [{"name": "PROVIDER_MODE", "value": "ok"}, {"name": "PROVIDER_PORT", "value": "8000"}],
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 1, "enableServiceLinks": False}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


def cluster_and_image(request: pytest.FixtureRequest) -> tuple[Cluster, str]:
    """The cluster that the parameter names, and an image with Python on it."""
    place: Place = request.getfixturevalue({"embedded": "embedded_place", "kubernetes": "real_place"}[request.param])
    return request.getfixturevalue(f"{request.param}_cluster"), place.image


@pytest.fixture(params=["fake", "embedded", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
def bench(request: pytest.FixtureRequest) -> Iterator[ProviderBench]:
    if request.param == "fake":
        yield fake_bench()
        return
    with real_bench(*cluster_and_image(request)) as real:
        yield real


def test_its_mode_is_set_and_put_back_by_the_patches_of_its_release(bench: ProviderBench) -> None:
    release = bench.provider.release(DOWN)
    assert list(release.broken_beside) == list(release.stable_beside)
    bench.patch(release.broken_beside)
    bench.until(lambda: bench.provider.unsettled() is None and bench.modes() == {"500"})
    with pytest.raises(PlanError, match="its mode is 500 already"):
        bench.provider.release(DOWN)
    bench.patch(release.stable_beside)
    bench.until(lambda: bench.provider.unsettled() is None and bench.modes() == {"ok"})
    assert bench.provider.release(DOWN) == release


def test_a_dry_run_changes_no_mode(bench: ProviderBench) -> None:
    release = bench.provider.release(DOWN)
    bench.patch(release.broken_beside, dry_run=True)
    assert bench.provider.release(DOWN) == release
    assert bench.provider.unsettled() is None


def test_it_is_unsettled_right_after_a_patch_and_says_why(bench: ProviderBench) -> None:
    bench.patch(bench.provider.release(DOWN).broken_beside)
    assert "replicas ready" in (bench.provider.unsettled() or "")
    bench.until(lambda: bench.provider.unsettled() is None)


def test_its_log_has_a_line_for_every_request(bench: ProviderBench) -> None:
    (request,) = provider_requests(bench.provider.log(60).text)
    assert (request.mode, request.status, request.prompt_tokens, request.completion_tokens) == ("ok", 200, 2, 4)


def test_a_pod_that_has_ended_and_is_still_listed_is_named_and_takes_no_other_log_with_it(bench: ProviderBench) -> None:
    with bench.held():
        bench.patch(bench.provider.release(DOWN).broken_beside)
        bench.until(
            lambda: bench.provider.unsettled() is None and bench.modes() == {"500"} and bench.provider.log(60).unread
        )
        (ended,) = bench.provider.log(60).unread
        assert ended.startswith("provider-")


def test_an_object_that_is_not_there_cannot_be_patched(bench: ProviderBench) -> None:
    with pytest.raises(ClusterError, match="not found"):
        bench.workload.patch_beside("deployment/not-there", {"spec": {"replicas": 1}})


@dataclass
class StartBench(ProviderBench):
    """A provider that is not there, a Service that waits for it, and an image to start it on."""

    image: str


def fake_start_bench() -> StartBench:
    world = FakeBench(WorkloadKind.DEPLOYMENT)
    provider = FakeProvider(world.time, stands=False)
    provider.join(world.workload.others)
    return StartBench(world.workload, provider, world.until, nullcontext, world.workload.image)


@contextmanager
def real_start_bench(cluster: Cluster, image: str) -> Iterator[StartBench]:
    name, core = f"provider-{secrets.token_hex(3)}", client.CoreV1Api(cluster.api)
    port = {"port": 80, "targetPort": "http", "protocol": "TCP"}
    core.create_namespaced_service(
        cluster.namespace, {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [port]}}
    )
    program = Program("provider", FILE, (shipped_scenarios() / "provider/provider.py").read_bytes(), ("python3", FILE))
    plan = ProviderPlan(workload=f"deployment/{name}")
    with (
        closing(open_images(RegistryAccess(plain_http=True), lambda _: b"")) as images,
        cluster.bench(WorkloadKind.DEPLOYMENT) as bench,
        open_provider(cluster.context, plan, bench.target, kubeconfig=cluster.kubeconfig) as provider,
    ):
        stable = images.retained(parse_image_reference(image)).reference
        prepared = images.prepare_program(stable.at_digest(str(stable.digest)), program, name)
        images.push(prepared)
        try:
            yield StartBench(
                bench.workload,
                provider,
                lambda condition: wait_until(condition, provider.stands),
                lambda: held_pods(cluster, f"app={name}"),
                str(prepared.image.reference),
            )
        finally:
            wait_until(lambda: provider.remove("run-1") is None, lambda: provider.remove("run-1"))
            assert images.delete(prepared.image) == ()


@pytest.fixture(params=["fake", "embedded", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
def start_bench(request: pytest.FixtureRequest) -> Iterator[StartBench]:
    if request.param == "fake":
        yield fake_start_bench()
        return
    with real_start_bench(*cluster_and_image(request)) as real:
        yield real


def test_one_that_is_there_stands_and_is_never_removed(bench: ProviderBench) -> None:
    assert bench.provider.stands()
    assert bench.provider.remove("run-1") is None
    assert bench.provider.stands()
    with pytest.raises(ClusterError):
        bench.provider.start("img:1", "run-1")


def test_a_dry_run_of_its_start_starts_nothing(start_bench: StartBench) -> None:
    assert not start_bench.provider.stands()
    start_bench.provider.start(start_bench.image, "run-1", dry_run=True)
    assert not start_bench.provider.stands()
    assert start_bench.provider.remove("run-1") is None


def test_it_is_started_changed_as_any_other_and_taken_away_by_its_own_run_alone(start_bench: StartBench) -> None:
    provider = start_bench.provider
    before = provider.release(DOWN)
    provider.start(start_bench.image, "run-1")
    assert provider.stands()
    start_bench.until(lambda: provider.unsettled() is None)
    release = provider.release(DOWN)
    assert release == before
    assert release.stable_beside == {}, "what is taken away is not put back"
    assert provider_requests(provider.log(60).text) == ()
    start_bench.patch(release.broken_beside, dry_run=True)
    start_bench.patch(release.broken_beside)
    start_bench.until(lambda: provider.unsettled() is None)
    assert provider.remove("run-2") is None
    assert provider.stands()
    assert provider.remove("run-1")
    start_bench.until(lambda: provider.remove("run-1") is None)
    assert not provider.stands()
