from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.watching import WorkloadWatch
from flowdrill.engine.facts import Fact, WatchLost, WorkloadChanged
from flowdrill.errors import ForbiddenError
from flowdrill.model.workload import WorkloadSnapshot
from tests.fakes.fake_api_server import BREAK, END, Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, STATEFULSET, endpoint_slice, pod, replica_set, workload

APPS, CORE = "/apis/apps/v1/namespaces/demo", "/api/v1/namespaces/demo"
WORKLOADS, SETS, PODS, EVENTS = f"{APPS}/deployments", f"{APPS}/replicasets", f"{CORE}/pods", f"{CORE}/events"
DISCOVERY = "/apis/discovery.k8s.io"
SLICES = f"{DISCOVERY}/v1/namespaces/demo/endpointslices"


@pytest.fixture(autouse=True)
def cluster(server: FakeApiServer) -> None:
    server.gives("GET", DISCOVERY, Answer(200, {"versions": [{"version": "v1"}, {"version": "v1beta1"}]}))
    server.has(WORKLOADS, workload(readyReplicas=1))
    server.has(SETS, replica_set())
    server.has(PODS, pod("a", ready=False))
    server.has(EVENTS)
    server.has(SLICES)


class Told(list[Fact]):
    """The facts that were told."""

    @property
    def last(self) -> WorkloadSnapshot:
        return next(fact.snapshot for fact in reversed(self) if isinstance(fact, WorkloadChanged))

    @property
    def lost(self) -> list[WatchLost]:
        return [fact for fact in list(self) if isinstance(fact, WatchLost)]


@contextmanager
def watching(api: Api, **patience: Any) -> Iterator[Told]:
    told = Told()
    watch = WorkloadWatch(api, DEPLOYMENT, told.append, **patience)
    try:
        yield told
    finally:
        watch.stop()


def until(condition: Callable[[], object]) -> None:
    end, pause = time.monotonic() + 20, threading.Event()
    while not condition():
        assert time.monotonic() < end, "not within 20 s"
        pause.wait(0.01)


def event(kind: str, item: dict[str, Any], version: str = "11") -> dict[str, Any]:
    item["metadata"]["resourceVersion"] = version
    return {"type": kind, "object": item}


def test_one_snapshot_is_told_when_everything_was_listed_once(api: Api) -> None:
    with watching(api) as told:
        assert len(told) == 1
        assert told.last.ready_replicas == 1
        assert [found.name for found in told.last.pods] == ["a"]


def test_changes_of_every_kind_are_joined(api: Api, server: FakeApiServer) -> None:
    with watching(api) as told:
        server.watches[PODS].put(event("MODIFIED", pod("a", ready=True)))
        until(lambda: told.last.pods[0].ready)
        server.watches[SLICES].put(event("ADDED", endpoint_slice("a")))
        until(lambda: told.last.pods[0].in_endpoints)
        server.watches[SETS].put(event("ADDED", replica_set("app-2")))
        server.watches[PODS].put(event("ADDED", pod("b", owner="uid-app-2")))
        until(lambda: len(told.last.pods) == 2)
        server.watches[PODS].put(event("DELETED", pod("a")))
        until(lambda: [found.name for found in told.last.pods] == ["b"])
        server.watches[WORKLOADS].put(event("MODIFIED", workload(readyReplicas=2)))
        until(lambda: told.last.ready_replicas == 2)


def test_a_change_that_the_drill_does_not_need_is_not_told(api: Api, server: FakeApiServer) -> None:
    with watching(api) as told:
        server.watches[PODS].put(event("MODIFIED", pod("a", ready=False)))
        server.watches[PODS].put(event("MODIFIED", pod("a", ready=True)))
        until(lambda: told.last.pods[0].ready)
        assert len(told) == 2


def test_a_watch_goes_on_where_it_ended_and_where_it_broke(api: Api, server: FakeApiServer) -> None:
    with watching(api) as told:
        server.watches[PODS].put(event("MODIFIED", pod("a", ready=True), "12"))
        server.watches[PODS].put({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "40"}}})
        server.watches[PODS].put(END)
        server.watches[PODS].put(event("MODIFIED", pod("a", ready=False), "41"))
        server.watches[PODS].put(BREAK)
        server.watches[PODS].put(event("DELETED", pod("a"), "42"))
        until(lambda: told.last.pods == ())
        versions = [r.query["resourceVersion"] for r in server.asked("WATCH") if r.path == PODS]
        assert versions == ["10", "40", "41"]
        assert len([r for r in server.asked("GET") if r.path == PODS]) == 1


@pytest.mark.parametrize("in_stream", [True, False])
def test_too_old_means_list_anew(api: Api, server: FakeApiServer, in_stream: bool) -> None:
    gone = {"kind": "Status", "code": 410, "message": "too old resource version", "metadata": {}}
    with watching(api) as told:
        server.has(PODS, pod("a"), pod("b"), version="90")
        if in_stream:
            server.watches[PODS].put({"type": "ERROR", "object": gone})
        else:
            server.gives("WATCH", PODS, Answer(410, gone))
            server.watches[PODS].put(END)
        until(lambda: len(told.last.pods) == 2)
        server.answers.pop(("WATCH", PODS), None)
        until(lambda: server.asked("WATCH")[-1].query["resourceVersion"] == "90")
        assert not told.lost


def test_nonsense_in_a_watch_is_answered_by_a_new_list(api: Api, server: FakeApiServer) -> None:
    with watching(api) as told:
        server.has(PODS, pod("b"), version="50")
        server.watches[PODS].put({"no": "event"})
        until(lambda: [found.name for found in told.last.pods] == ["b"])


def test_a_watch_that_stays_broken_is_told_once(api: Api, server: FakeApiServer) -> None:
    with watching(api, lost_after_seconds=0.3) as told:
        server.gives("WATCH", PODS, Answer(503, {"message": "overloaded"}))
        server.gives("GET", PODS, Answer(503, {"message": "overloaded"}))
        server.watches[PODS].put(BREAK)
        until(lambda: told.lost)
        count = len(server.requests)
        until(lambda: len(server.requests) > count + 2)
        (lost,) = told.lost
        assert lost.problem.startswith("watching pods: ")
        assert "overloaded" in lost.problem


def test_a_permission_that_lacks_is_raised_at_once(api: Api, server: FakeApiServer) -> None:
    message = 'User "ann" cannot list resource "events" in API group "" in the namespace "demo"'
    server.gives("GET", EVENTS, Answer(403, {"message": message}))
    with pytest.raises(ForbiddenError, match="ann must not list events in namespace demo"), watching(api):
        pass


def test_stopping_ends_every_thread_while_its_watch_is_silent(api: Api, server: FakeApiServer) -> None:
    with watching(api):
        until(lambda: len(server.asked("WATCH")) == 6)
        assert sum(thread.name.startswith("watch-") for thread in threading.enumerate()) == 6
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch-")]


@pytest.mark.parametrize(
    ("served", "path"),
    [
        (["v1"], SLICES),
        (["v1beta1"], f"{DISCOVERY}/v1beta1/namespaces/demo/endpointslices"),
        ([], f"{CORE}/endpoints"),
    ],
)
def test_endpoints_are_watched_in_the_newest_form_there_is(
    api: Api, server: FakeApiServer, served: list[str], path: str
) -> None:
    server.answers.pop(("GET", SLICES))
    server.has(path)
    if served:
        server.gives("GET", DISCOVERY, Answer(200, {"versions": [{"version": version} for version in served]}))
    else:
        server.answers.pop(("GET", DISCOVERY))
    with watching(api) as told:
        assert len(told) == 1


def test_a_stateful_set_needs_no_revisions_to_know_its_pods(api: Api, server: FakeApiServer) -> None:
    server.has(f"{APPS}/statefulsets", workload())
    server.has(PODS, pod("app-0", owner="uid-app"))
    told = Told()
    watch = WorkloadWatch(api, STATEFULSET, told.append)
    watch.stop()
    assert [found.name for found in told.last.pods] == ["app-0"]
    assert SETS not in {request.path for request in server.requests}
