"""Which benches there are: fakes and the embedded cluster always, a real cluster where the environment names one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.model.workload import WorkloadKind
from tests.contract.bench import Bench, Cluster, FakeBench, cluster
from tests.contract.images import push_pause_image
from tests.contract.playground import Playground, playground

_REAL = pytest.param("real", marks=pytest.mark.kubernetes)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the embedded cluster is expected to do is held against a real one when it changes, not every time: nothing
    of ours runs there."""
    for item in items:
        if item.path.name.startswith("test_cluster_") and item.get_closest_marker("kubernetes"):
            item.add_marker(pytest.mark.endurance)


@dataclass(frozen=True)
class Place:
    """A cluster to test on: its kubeconfig, its registry, and an image there that has python3 and sh."""

    context: str
    kubeconfig: str
    registry: str
    image: str


@pytest.fixture(scope="session")
def embedded_place() -> Iterator[Place]:
    with temporary_cluster(Settings()) as running:
        push_pause_image(running.registry)
        image = push_base_image(running.registry, "tests")
        yield Place("flowdrill", str(running.folder.kubeconfig), running.registry, image)


@pytest.fixture(scope="session")
def real_place() -> Place:
    names = ("FLOWDRILL_TEST_CONTEXT", "KUBECONFIG", "FLOWDRILL_TEST_REGISTRY", "FLOWDRILL_TEST_BASE_IMAGE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"needs a Kubernetes to break: set {', '.join(missing)}")
    return Place(*(os.environ[name] for name in names))


@pytest.fixture(scope="session", params=["embedded", _REAL])
def place(request: pytest.FixtureRequest) -> Place:
    """Every Kubernetes there is, one after the other."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture(scope="session")
def play(place: Place) -> Iterator[Playground]:
    with playground(place.context, place.kubeconfig, place.image) as found:
        yield found


@pytest.fixture(scope="session")
def real_cluster(place: Place) -> Iterator[Cluster]:
    with cluster(place.context, place.kubeconfig, place.registry) as found:
        yield found


@pytest.fixture(scope="session")
def embedded_cluster(embedded_place: Place) -> Iterator[Cluster]:
    with cluster(embedded_place.context, embedded_place.kubeconfig, embedded_place.registry) as found:
        yield found


@pytest.fixture(scope="session")
def kubernetes_cluster(real_place: Place) -> Iterator[Cluster]:
    with cluster(real_place.context, real_place.kubeconfig, real_place.registry) as found:
        yield found


@pytest.fixture(params=list(WorkloadKind))
def kind(request: pytest.FixtureRequest) -> WorkloadKind:
    return WorkloadKind(request.param)


@pytest.fixture(params=["fake", "embedded", pytest.param("kubernetes", marks=pytest.mark.kubernetes)])
def bench(request: pytest.FixtureRequest, kind: WorkloadKind) -> Iterator[Bench]:
    if request.param == "fake":
        yield FakeBench(kind)
        return
    found: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    with found.bench(kind) as real:
        yield real
