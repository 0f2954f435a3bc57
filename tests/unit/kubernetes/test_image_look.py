"""Asking for the workload's image again and again, beside the watch."""

from __future__ import annotations

import queue

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.image_look import ImageLook
from flowdrill.engine.facts import Fact, ImageStill
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, IMAGE, workload


def test_each_answer_says_what_the_image_was_not_before_it_was_asked_for(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", DEPLOYMENT.path, Answer(403, {"kind": "Status", "message": "no"}), Answer(200, workload()))
    told: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    look = ImageLook(api, DEPLOYMENT, MonotonicClock())
    look.start_watching(told.put)
    fact = told.get(timeout=20)
    look.stop_watching()
    assert isinstance(fact, ImageStill)
    assert fact.image == IMAGE
    assert 0 < fact.asked_ns < fact.arrived_ns
    look.stop_watching()
