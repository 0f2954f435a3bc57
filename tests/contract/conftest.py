"""Which benches there are: the fake always, the real cluster where the environment names one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flowdrill.model.workload import WorkloadKind
from tests.contract.bench import Bench, Cluster, FakeBench, cluster


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[Cluster]:
    context, registry = os.environ.get("FLOWDRILL_TEST_CONTEXT"), os.environ.get("FLOWDRILL_TEST_REGISTRY")
    if not context or not registry:
        pytest.skip("needs a Kubernetes: set KUBECONFIG, FLOWDRILL_TEST_CONTEXT and FLOWDRILL_TEST_REGISTRY")
    with cluster(context, registry) as found:
        yield found


_REAL = pytest.param("real", marks=pytest.mark.kubernetes)


@pytest.fixture(params=list(WorkloadKind))
def kind(request: pytest.FixtureRequest) -> WorkloadKind:
    return WorkloadKind(request.param)


@pytest.fixture(params=["fake", _REAL])
def bench(request: pytest.FixtureRequest, kind: WorkloadKind) -> Iterator[Bench]:
    if request.param == "fake":
        yield FakeBench(kind)
        return
    found: Cluster = request.getfixturevalue("real_cluster")
    with found.bench(kind) as real:
        yield real
