"""What the limits look at on the cluster: the namespace's other workloads, and the nodes."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.limit_look import LimitLook
from flowdrill.edges.kubernetes.neighbours import neighbour_look, neighbour_of, node_look, node_state_of
from flowdrill.engine.facts import AroundSeen, Fact, LookTold
from flowdrill.model.around import Neighbour, NodeState, Surrounding
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.run_label import RUN_LABEL
from tests.fakes.fake_api_server import Answer, FakeApiServer

APPS = "/apis/apps/v1/namespaces/demo"
DEPLOYMENTS, SETS, DAEMONS, NODES = (
    f"{APPS}/deployments", f"{APPS}/statefulsets", f"{APPS}/daemonsets", "/api/v1/nodes",
)  # fmt: skip
READY = [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "True"}]
NOT_READY = [{"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}]
Next = Callable[[], Fact]


def named(name: str, **meta: Any) -> dict[str, Any]:
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": "11", "generation": 1, **meta}


def deployment(name: str, ready: int, wanted: int = 3, **meta: Any) -> dict[str, Any]:
    status = {"readyReplicas": ready, "updatedReplicas": wanted, "observedGeneration": 1}
    return {"metadata": named(name, **meta), "spec": {"replicas": wanted}, "status": status}


def node(name: str, conditions: Any = READY) -> dict[str, Any]:
    return {"metadata": named(name), "status": {"conditions": conditions}}


@pytest.fixture(autouse=True)
def cluster(server: FakeApiServer) -> None:
    for path in (DEPLOYMENTS, SETS, DAEMONS, NODES):
        server.has(path)


@contextmanager
def watched(source: LimitLook) -> Iterator[Next]:
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    source.start_watching(facts.put)
    yield lambda: facts.get(timeout=20)
    source.stop_watching()
    source.stop_watching()  # harmless


def seen(fact: Fact) -> Surrounding:
    assert isinstance(fact, AroundSeen), fact
    return fact.what


def until_complete(following: Next) -> set[Surrounding]:
    """What is seen until everything has been listed."""
    found = set()
    while isinstance(fact := following(), AroundSeen):
        found.add(fact.what)
    assert isinstance(fact, LookTold)
    assert fact.problem is None
    return found


def test_the_namespaces_workloads_are_told_but_the_target_and_what_the_drill_has_started(
    api: Api, server: FakeApiServer
) -> None:
    server.has(
        DEPLOYMENTS, deployment("app", 3), deployment("search", 2), deployment("mine", 1, labels={RUN_LABEL: "run-1"})
    )
    server.has(SETS, deployment("app", 1, 1))
    with watched(neighbour_look(api, "demo", {"deployment/app"})) as following:
        assert until_complete(following) == {
            Neighbour("deployment/search", 2, 3), Neighbour("statefulset/app", 1, 1),
        }  # fmt: skip


def test_changes_and_deletions_are_told_and_nothing_twice(api: Api, server: FakeApiServer) -> None:
    server.has(DEPLOYMENTS, deployment("search", 3))
    with watched(neighbour_look(api, "demo", ())) as following:
        assert until_complete(following) == {Neighbour("deployment/search", 3, 3)}
        for kind, item in (
            ("MODIFIED", deployment("search", 3, annotations={"a": "b"})),  # of no interest
            ("MODIFIED", deployment("search", 1)),
            ("DELETED", deployment("search", 1)),
            ("ADDED", deployment("new", 1, 1)),
        ):
            server.watches[DEPLOYMENTS].put({"type": kind, "object": item})
        assert seen(following()) == Neighbour("deployment/search", 1, 3)
        assert seen(following()) == Neighbour("deployment/search", 0, 0)
        assert seen(following()) == Neighbour("deployment/new", 1, 1)


def test_what_went_while_the_watch_was_too_old_is_told_as_gone(api: Api, server: FakeApiServer) -> None:
    server.has(NODES, node("a"), node("b"))
    with watched(node_look(api)) as following:
        assert until_complete(following) == {NodeState("a", True), NodeState("b", True)}
        server.has(NODES, node("b"))
        gone = {"kind": "Status", "code": 410, "message": "too old", "metadata": {}}
        server.watches[NODES].put({"type": "ERROR", "object": gone})
        assert seen(following()) == NodeState("a", False, "it is gone from the cluster")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_cannot_be_listed_is_told_at_once_and_the_rest_is_seen_all_the_same(
    api: Api, server: FakeApiServer, status: int
) -> None:
    server.has(DEPLOYMENTS, deployment("search", 3))
    server.gives("GET", SETS, Answer(status, {"kind": "Status", "message": "not you", "code": status}))
    with watched(neighbour_look(api, "demo", ())) as following:
        facts = [following(), following()]
        (told,) = (one for one in facts if isinstance(one, LookTold))
        (found,) = (one for one in facts if isinstance(one, AroundSeen))
        assert told.limit is LimitName.OTHER_WORKLOADS
        assert told.problem is not None
        assert told.problem.startswith("watching statefulsets: ")
        assert found.what == Neighbour("deployment/search", 3, 3)
        server.has(SETS)
        back = following()
        assert isinstance(back, LookTold)
        assert back.problem is None


def test_a_cluster_without_daemon_sets_has_none(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", DAEMONS, Answer(404, {"kind": "Status", "message": "no such resource", "code": 404}))
    with watched(neighbour_look(api, "demo", ())) as following:
        assert until_complete(following) == set()
    assert len([one for one in server.asked("GET") if one.path == DAEMONS]) == 1


@pytest.mark.parametrize(
    ("kind", "item", "says"),
    [
        ("deployment", {"spec": {}, "status": {"readyReplicas": 1, "updatedReplicas": 1}}, (1, 1, False)),
        ("statefulset", {"spec": {"replicas": 0}}, (0, 0, False)),
        ("deployment", {"spec": {"replicas": 2}, "status": {"readyReplicas": 2, "updatedReplicas": 1}}, (2, 2, True)),
        ("deployment", {"metadata": {"generation": 4}, "status": {"observedGeneration": 3}}, (0, 1, True)),
        (
            "daemonset",
            {"status": {"desiredNumberScheduled": 3, "numberReady": 2, "updatedNumberScheduled": 3}},
            (2, 3, False),
        ),
        (
            "deployment",
            {"spec": {"replicas": "many"}, "status": {"readyReplicas": -1, "updatedReplicas": 1}},
            (0, 1, False),
        ),
        ("deployment", {"spec": [], "status": None, "metadata": 7}, (0, 1, True)),
    ],
)  # fmt: skip
def test_a_workload_is_read_whatever_is_missing_in_it(kind: str, item: Any, says: tuple[int, int, bool]) -> None:
    found = neighbour_of(kind, item)
    assert (found.ready, found.wanted, found.rolling) == says


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        (READY, ""),
        (NOT_READY, "it is not ready: Kubelet stopped posting node status."),
        ([{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}], "it is not ready: KubeletNotReady"),
        ([], "it is not ready: it does not say why"),
        (None, "it is not ready: it does not say why"),
        ([{"type": "Ready", "status": "False", "message": "\x1b[31mred"}], "it is not ready:  [31mred"),
    ],
)
def test_a_node_is_ready_only_when_it_says_so(conditions: Any, says: str) -> None:
    assert node_state_of(node("a", conditions)) == NodeState("a", not says, says)
