"""An acknowledgement from another host, on the drill's Lease."""

from __future__ import annotations

import json
import queue

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.lease_ack import ACK, LeaseLook
from flowdrill.engine.facts import AckTold, Fact
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT

LEASE = "/apis/coordination.k8s.io/v1/namespaces/demo/leases/flowdrill-deployment-app"
GONE = Answer(404, {"kind": "Status", "code": 404, "message": "not found"})


def lease(said: object = None) -> Answer:
    annotations: Json = {} if said is None else {ACK: said if isinstance(said, str) else json.dumps(said)}
    return Answer(200, {"metadata": {"annotations": annotations}, "spec": {"holderIdentity": "run-1"}})


def first_told(api: Api, server: FakeApiServer, *answers: Answer) -> AckTold:
    server.gives("GET", LEASE, *answers)
    told: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    look = LeaseLook(api, DEPLOYMENT, MonotonicClock())
    look.start_watching(told.put)
    fact = told.get(timeout=20)
    look.stop_watching()
    look.stop_watching()
    assert isinstance(fact, AckTold)
    assert told.empty(), "it is told once"
    return fact


def test_it_is_told_with_bounds_from_the_last_look_that_did_not_show_it(api: Api, server: FakeApiServer) -> None:
    fact = first_told(api, server, GONE, lease({"by": "alice", "note": "on it", "at": "1"}))
    assert (fact.by, fact.how) == ("alice", "flowdrill ack, on the Lease: on it")
    assert 0 < fact.instant.earliest_ns < fact.instant.latest_ns == fact.arrived_ns


@pytest.mark.parametrize("said", ["not json", "[]", {"by": 7, "note": None}, {"by": "\x1b", "note": ""}])
def test_what_anybody_may_have_written_is_an_acknowledgement_all_the_same(
    api: Api, server: FakeApiServer, said: object
) -> None:
    fact = first_told(api, server, lease(said))
    assert (fact.by, fact.how) == ("somebody", "flowdrill ack, on the Lease")
