"""The port as a run uses it: threads that watch, sources that go away and come back, and nothing that is written."""

from __future__ import annotations

import http.client
import json
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowdrill.edges.prometheus.alert_source import PrometheusAlerts, open_alerts
from flowdrill.engine.facts import AlertGone, AlertSeen, Fact, SourceTold
from flowdrill.engine.source_ports import AlertSource
from flowdrill.errors import AlertSourceAwayError, PlanError
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.detect_plan import DetectPlan
from tests.fakes.fake_alerts import FakeAlerts
from tests.fakes.fake_time import FakeTime
from tests.unit.prometheus.fake_prometheus import FakePrometheus, utc
from tests.unit.prometheus.fake_server import FakeServer, serving
from tests.unit.prometheus.test_received_watch import SILENCE, received
from tests.unit.prometheus.test_webhook import alert, payload

PREFIX = "/mimir/prometheus"
BUSY = (503, {}, b"")


def plan_of(url: str, *, prefix: str = "", webhook: str | None = None, alertmanager: bool = True) -> DetectPlan:
    plan: dict[str, Any] = {"prometheus": {"url": url + prefix, "alerts": {"FlowFailing": {}}}}
    if alertmanager:
        plan["alertmanager"] = {"url": url, **({"webhook": webhook} if webhook else {})}
    return DetectPlan.model_validate_json(json.dumps(plan))


@contextmanager
def watched(plan: DetectPlan) -> Iterator[Callable[[Callable[[Fact], bool]], Fact]]:
    """Watch, and wait for facts: yields what returns the next fact that a condition holds for."""
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def wait_for(condition: Callable[[Fact], bool]) -> Fact:
        until = time.monotonic() + 20
        while True:
            fact = facts.get(timeout=max(0.1, until - time.monotonic()))
            if condition(fact):
                return fact

    with open_alerts(plan, Path(), {}) as alerts:
        assert alerts is not None
        alerts.start_watching(facts.put)
        yield wait_for
        alerts.stop_watching()
        alerts.stop_watching()  # harmless


def is_seen(stage: AlertStage) -> Callable[[Fact], bool]:
    return lambda fact: isinstance(fact, AlertSeen) and fact.stage is stage


def test_without_alerts_in_the_drill_there_is_no_source() -> None:
    with open_alerts(DetectPlan(), Path(), {}) as alerts:
        assert alerts is None


@pytest.mark.parametrize("alertmanager", [False, True])
def test_the_last_stage_that_can_be_seen_is_the_one_that_detects(*, alertmanager: bool) -> None:
    with serving() as server:
        prometheus = FakePrometheus()
        prometheus.serve_on(server)
        with watched(plan_of(server.url, alertmanager=alertmanager)) as wait_for:
            prometheus.set("firing")
            fired = wait_for(is_seen(AlertStage.FIRING))
            assert isinstance(fired, AlertSeen)
            assert fired.detects is not alertmanager
            if alertmanager:
                prometheus.received = [received()]
                came = wait_for(is_seen(AlertStage.RECEIVED))
                assert isinstance(came, AlertSeen)
                assert came.detects


def test_a_source_that_goes_away_is_told_once_and_again_when_it_is_back() -> None:
    with serving() as server:
        prometheus = FakePrometheus()
        prometheus.serve_on(server)
        with watched(plan_of(server.url)) as wait_for:
            rules = server.answers["/api/v1/rules"]
            server.answers["/api/v1/rules"] = BUSY
            lost = wait_for(lambda fact: True)
            assert isinstance(lost, SourceTold)
            assert (lost.source, str(lost.problem).endswith("cannot be reached: it answered 503")) == (
                "Prometheus",
                True,
            )
            server.answers["/api/v2/alerts"] = BUSY
            lost = wait_for(lambda fact: True)  # not Prometheus again
            assert isinstance(lost, SourceTold)
            assert lost.source == "Alertmanager"
            server.answers["/api/v1/rules"] = rules
            back = wait_for(lambda fact: True)
            assert isinstance(back, SourceTold)
            assert (back.source, back.problem) == ("Prometheus", None)
            prometheus.set("pending")
            wait_for(is_seen(AlertStage.PENDING))


def test_notifications_are_matched_by_name_and_labels() -> None:
    with serving() as server, ExitStack() as stack:
        FakePrometheus().serve_on(server)
        plan = plan_of(server.url, webhook="127.0.0.1:0")
        assert plan.prometheus is not None
        alerts = stack.enter_context(open_alerts(plan, Path(), {}))
        assert alerts is not None
        assert alerts._webhook is not None
        told: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        alerts._alerts = {
            "FlowFailing": plan.prometheus.alerts["FlowFailing"].model_copy(update={"labels": {"a": "b"}})
        }
        alerts.start_watching(told.put)
        connection = http.client.HTTPConnection(alerts._webhook.address, timeout=5)
        body = payload(
            alert("Other"), alert("FlowFailing"), alert("FlowFailing", a="b"), alert("FlowFailing", "resolved", a="b")
        )
        connection.request("POST", "/", body)
        assert connection.getresponse().status == 200
        connection.close()
        facts = [fact for fact in (told.get(timeout=5) for _ in range(3)) if not isinstance(fact, SourceTold)]
        other, ours, resolved = facts
        assert isinstance(other, AlertGone)
        assert other.why is AlertEnd.OTHER_LABELS
        assert isinstance(ours, AlertSeen)
        assert (ours.stage, ours.detects) == (AlertStage.NOTIFIED, True)
        assert isinstance(resolved, AlertGone)
        assert resolved.why is AlertEnd.RESOLVED


def test_a_late_notification_of_an_alert_from_before_the_watching_is_left_out() -> None:
    with serving() as server, ExitStack() as stack:
        prometheus = FakePrometheus(ahead_seconds=3600)
        prometheus.serve_on(server)
        alerts = stack.enter_context(open_alerts(plan_of(server.url, webhook="127.0.0.1:0"), Path(), {}))
        assert alerts is not None
        assert alerts._webhook is not None
        told: queue.SimpleQueue[Fact] = queue.SimpleQueue()
        alerts.start_watching(told.put)
        prometheus.set("pending")
        assert isinstance(told.get(timeout=10), AlertSeen)  # Prometheus' clock is known now
        late, fresh = (alert("FlowFailing") | {"startsAt": utc(prometheus.now() - ago)} for ago in (60, 0))
        for body in (payload(late), payload(fresh)):
            connection = http.client.HTTPConnection(alerts._webhook.address, timeout=5)
            connection.request("POST", "/", body)
            assert connection.getresponse().status == 200
            connection.close()
        notified = told.get(timeout=10)
        assert isinstance(notified, AlertSeen)
        assert notified.stage is AlertStage.NOTIFIED
        alerts.stop_watching()
        assert not any(isinstance(fact, AlertSeen) and fact.stage is AlertStage.NOTIFIED for fact in drained(told))


def drained(facts: queue.SimpleQueue[Fact]) -> list[Fact]:
    return [facts.get_nowait() for _ in range(facts.qsize())]


def test_a_secret_that_is_missing_is_named_before_anything_is_asked() -> None:
    plan = DetectPlan.model_validate_json(
        json.dumps({"prometheus": {"url": "http://127.0.0.1:9", "alerts": {"A": {}}, "bearer_token_from": "T"}})
    )
    with pytest.raises(PlanError, match=r"detect\.prometheus\.bearer_token_from"), open_alerts(plan, Path(), {}):
        pass


# What preflight asks: of the fake, and of the edge before a server with a path prefix


@contextmanager
def edge() -> Iterator[tuple[AlertSource, FakeServer | None]]:
    with serving() as server:
        FakePrometheus(silences=[SILENCE], received=[received()]).serve_on(server)
        for path in [*server.answers]:
            if path.startswith("/api/v1/"):
                server.answers[PREFIX + path] = server.answers.pop(path)
        with open_alerts(plan_of(server.url, prefix=PREFIX), Path(), {}) as alerts:
            assert isinstance(alerts, PrometheusAlerts)
            yield alerts, server


@contextmanager
def fake() -> Iterator[tuple[AlertSource, FakeServer | None]]:
    plan = plan_of("http://p").prometheus
    assert plan is not None
    alerts = FakeAlerts(FakeTime(), plan.alerts)
    alerts.wrong_queries |= {"rate(": "parse error", "1": "it gives a scalar"}
    alerts.metrics, alerts.received = ["flow_requests_total"], ("FlowFailing",)
    with edge() as (real, _):
        alerts.known_silences = real.silences()
    yield alerts, None


@pytest.mark.parametrize("source", [edge, fake])
def test_what_preflight_asks_has_the_same_answers_from_the_fake_and_the_edge(source: Any) -> None:
    with source() as (alerts, server):
        (rule,) = alerts.rules()
        assert (rule.name, rule.health, rule.active) == ("FlowFailing", "ok", ())
        assert alerts.problem_of("flow_bad > 0") is None
        for wrong in ("rate(", "1"):
            assert alerts.problem_of(wrong)
        assert not alerts.holds("flow_bad > 0")
        assert alerts.metric_names() == ("flow_requests_total",)
        assert alerts.without_series(("flow_requests_total", "flow_request_total")) == ("flow_request_total",)
        assert alerts.alertmanagers() == ("http://alertmanager/api/v2/alerts",)
        assert alerts.already_received() == ("FlowFailing",)
        assert [one.identity for one in alerts.silences()] == ["s-1"]
        assert server is None or {asked.method for asked in server.asked} == {"GET"}


@pytest.mark.parametrize("ask", [AlertSource.rules, AlertSource.metric_names, AlertSource.silences])
def test_what_is_away_is_an_error_of_its_own(ask: Callable[[AlertSource], object]) -> None:
    with open_alerts(plan_of("http://127.0.0.1:9"), Path(), {}) as alerts:
        assert alerts is not None
        with pytest.raises(AlertSourceAwayError):
            getattr(alerts, ask.__name__)()
