"""Alerts that fire and are not the drill's: which they are, when they were asked for, and when nobody answers."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flowdrill.edges.prometheus.outside_alerts import OutsideAlerts
from flowdrill.engine.facts import Fact, LookTold, OutsideAlertsSeen
from flowdrill.model.detect_plan import AlertPlan
from flowdrill.model.limits_plan import LimitName
from tests.unit.prometheus.fake_prometheus import FakePrometheus
from tests.unit.prometheus.fake_server import FakeServer, ok, serving
from tests.unit.prometheus.test_rule_watch import api_to

OURS = {"FlowFailing": AlertPlan(labels={"severity": "page"})}
WATCHDOG = {"labels": {"alertname": "Watchdog"}, "state": "firing"}
DISK = {"labels": {"alertname": "DiskFull", "node": "a"}, "state": "firing"}
Next = Callable[[], Fact]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serving() as found:
        yield found


@pytest.fixture
def prometheus(server: FakeServer) -> FakePrometheus:
    found = FakePrometheus()
    found.serve_on(server)
    return found


@contextmanager
def watched(server: FakeServer, *allowed: str) -> Iterator[Next]:
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    source = OutsideAlerts(api_to(server.url), OURS, allowed, every_seconds=0.01)
    source.start_watching(facts.put)
    yield lambda: facts.get(timeout=20)
    source.stop_watching()
    source.stop_watching()  # harmless


def firing(fact: Fact) -> frozenset[str]:
    assert isinstance(fact, OutsideAlertsSeen), fact
    return fact.firing


def look(fact: Fact) -> str | None:
    assert isinstance(fact, LookTold), fact
    assert fact.limit is LimitName.ALERTS
    return fact.problem


def test_those_that_fire_are_told_first_and_whenever_they_are_others(
    server: FakeServer, prometheus: FakePrometheus
) -> None:
    prometheus.others = [WATCHDOG]
    before_ns = time.monotonic_ns()
    with watched(server) as following:
        assert look(following()) is None
        first = following()
        assert firing(first) == {"Watchdog{}"}
        assert isinstance(first, OutsideAlertsSeen)
        assert before_ns <= first.asked_ns <= first.arrived_ns <= time.monotonic_ns()
        prometheus.others = [WATCHDOG, DISK]
        assert firing(following()) == {"Watchdog{}", 'DiskFull{node="a"}'}
        prometheus.others = []
        assert firing(following()) == frozenset()


def test_the_drills_own_those_allowed_and_those_that_only_pend_are_left_out(
    server: FakeServer, prometheus: FakePrometheus
) -> None:
    prometheus.set("firing")
    prometheus.others = [WATCHDOG, {**DISK, "state": "pending"}]
    with watched(server, "Watchdog") as following:
        assert look(following()) is None
        assert firing(following()) == frozenset()


def test_an_alert_of_the_same_name_with_other_labels_is_somebody_elses(
    server: FakeServer, prometheus: FakePrometheus
) -> None:
    prometheus.set("firing", severity="ticket")
    with watched(server) as following:
        assert look(following()) is None
        assert firing(following()) == {'FlowFailing{severity="ticket"}'}


@pytest.mark.parametrize("answer", [(503, {}, b""), ok({"alerts": "none"}), {"status": "error"}, (200, {}, b"[")])
def test_a_prometheus_that_does_not_answer_as_it_must_is_told_and_when_it_is_back(
    server: FakeServer, prometheus: FakePrometheus, answer: Any
) -> None:
    with watched(server) as following:
        assert look(following()) is None
        assert firing(following()) == frozenset()
        right, server.answers["/api/v1/alerts"] = server.answers["/api/v1/alerts"], answer
        assert look(following()) is not None
        server.answers["/api/v1/alerts"] = right
        assert look(following()) is None


def test_hostile_names_are_short_and_steer_nothing(server: FakeServer, prometheus: FakePrometheus) -> None:
    prometheus.others = [
        {"labels": {"alertname": "A\x1b[31m" * 500, "password": "hunter2"}, "state": "firing"},
        {"labels": {"alertname": "B", "token": "token=hunter2secret"}, "state": "firing"},
        {"labels": 7, "state": "firing"},
        "none",
    ]
    with watched(server) as following:
        assert look(following()) is None
        told = firing(following())
    assert len(told) == 3
    assert all(len(one) <= 301 and one.isprintable() for one in told)
    assert "hunter2secret" not in str(told)
