"""What Alertmanager's API shows of an alert: that it came, and what keeps it from people."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flowdrill.edges.prometheus.alertmanager_api import AlertmanagerApi
from flowdrill.edges.prometheus.http_api import HttpApi
from flowdrill.edges.prometheus.login import Login
from flowdrill.edges.prometheus.received_watch import ReceivedWatch
from flowdrill.engine.facts import AckTold, AlertGone, AlertSeen, Fact
from flowdrill.errors import AlertSourceError
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.detect_plan import AlertPlan
from tests.unit.prometheus.fake_prometheus import FakePrometheus
from tests.unit.prometheus.fake_server import FakeServer, serving

SILENCE = {
    "id": "s-1",
    "createdBy": "ops\x1b[31m",
    "endsAt": "2026-11-26T12:00:00Z",
    "comment": "deploying",
    "matchers": [{"name": "alertname", "value": "FlowFailing", "isRegex": False}],
    "status": {"state": "active"},
}


def received(*, silenced: list[str] | None = None, inhibited: list[str] | None = None, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "FlowFailing", "severity": "page", **labels},
        "status": {"state": "active", "silencedBy": silenced or [], "inhibitedBy": inhibited or []},
    }


@dataclass
class Bench:
    server: FakeServer
    alertmanager: FakePrometheus
    watch: ReceivedWatch
    told: list[Fact]
    api: AlertmanagerApi

    def poll(self, *alerts: dict[str, Any]) -> list[Fact]:
        """What a poll tells when Alertmanager has these alerts."""
        self.alertmanager.received = list(alerts)
        self.told.clear()
        self.watch.poll()
        return [*self.told]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as server:
        alertmanager, told = FakePrometheus(silences=[SILENCE]), list[Fact]()
        alertmanager.serve_on(server)
        plan = AlertPlan.model_validate_json(json.dumps({"labels": {"severity": "page"}}))
        http = HttpApi(server.url, Login({}, ssl.create_default_context()), name="Alertmanager", key="k")
        api, now = AlertmanagerApi(http), time.monotonic_ns()
        yield Bench(
            server, alertmanager, ReceivedWatch(api, {"FlowFailing": plan}, told.append, now, detects=True), told, api
        )


def test_an_alert_comes_between_the_poll_without_it_and_the_one_with_it(bench: Bench) -> None:
    before = time.monotonic_ns()
    assert bench.poll() == []
    (fact,) = bench.poll(received())
    assert isinstance(fact, AlertSeen)
    assert (fact.stage, fact.detects) == (AlertStage.RECEIVED, True)
    assert before <= fact.instant.earliest_ns <= fact.instant.latest_ns <= time.monotonic_ns()
    assert bench.poll(received()) == []
    assert {asked.query["filter"] for asked in bench.server.asked} == {'alertname="FlowFailing"'}
    assert {asked.method for asked in bench.server.asked} == {"GET"}


def test_a_silenced_alert_came_but_nobody_knows_and_it_is_said_who_silences_it(bench: Bench) -> None:
    seen, gone = bench.poll(received(silenced=["s-1"]))
    assert isinstance(seen, AlertSeen)
    assert not seen.detects
    assert isinstance(gone, AlertGone)
    assert gone.why is AlertEnd.SILENCED
    assert gone.says == 'silenced by ops [31m until 2026-11-26T12:00:00Z ("deploying")'
    assert bench.poll(received(silenced=["s-1"])) == []
    (seen,) = bench.poll(received())  # the silence has ended
    assert isinstance(seen, AlertSeen)
    assert seen.detects


def test_a_silence_for_an_alert_that_people_were_told_of_acknowledges_it(bench: Bench) -> None:
    bench.poll(received())
    acknowledged, gone = bench.poll(received(silenced=["s-1"]))
    assert isinstance(acknowledged, AckTold)
    assert acknowledged.by == "ops [31m"
    assert acknowledged.how.startswith("alert FlowFailing silenced by ops")
    assert isinstance(gone, AlertGone)
    assert acknowledged.instant.latest_ns == gone.arrived_ns
    bench.poll(received())
    (gone,) = bench.poll(received(inhibited=["abc"]))  # nobody has done that
    assert isinstance(gone, AlertGone)


def test_an_inhibited_alert_is_kept_back_and_one_of_several_that_is_not_is_enough(bench: Bench) -> None:
    _, gone = bench.poll(received(inhibited=["abc"]))
    assert isinstance(gone, AlertGone)
    assert (gone.why, gone.says) == (AlertEnd.INHIBITED, "inhibited by another alert that fires")
    (seen,) = bench.poll(received(inhibited=["abc"]), received(instance="b"))
    assert isinstance(seen, AlertSeen)
    assert seen.detects


def test_a_silence_whose_id_is_none_or_that_is_gone_is_said_without_its_maker(bench: Bench) -> None:
    for identity in ("../../api/v1/admin", "gone"):
        _, gone = bench.poll(received(silenced=[identity]))
        assert isinstance(gone, AlertGone)
        assert gone.says == "silenced"
        bench.poll()
    assert not any("admin" in asked.path for asked in bench.server.asked)


def test_an_alert_with_other_labels_is_told_once(bench: Bench) -> None:
    (gone,) = bench.poll(received(severity="ticket"))
    assert isinstance(gone, AlertGone)
    assert gone.why is AlertEnd.OTHER_LABELS
    assert bench.poll(received(severity="ticket")) == []


def test_an_alert_that_is_gone_is_told(bench: Bench) -> None:
    bench.poll(received())
    (gone,) = bench.poll()
    assert isinstance(gone, AlertGone)
    assert gone.why is AlertEnd.RESOLVED


def test_only_active_silences_count_and_those_of_another_shape_match_nothing(bench: Bench) -> None:
    bench.alertmanager.silences = [
        SILENCE,
        {**SILENCE, "status": {"state": "expired"}},
        {"status": {"state": "active"}},
    ]
    first, second = bench.api.silences()
    assert [(one.label, one.text, one.is_equal) for one in first.matchers] == [("alertname", "FlowFailing", True)]
    assert second.matchers == ()


@pytest.mark.parametrize("answer", [{}, None, 7, {"status": "success"}])
def test_what_is_no_list_is_no_alertmanager(bench: Bench, answer: object) -> None:
    bench.server.answers["/api/v2/alerts"] = bench.server.answers["/api/v2/silences"] = answer
    with pytest.raises(AlertSourceError, match="does not answer as Alertmanager does"):
        bench.watch.poll()
    with pytest.raises(AlertSourceError, match="does not answer as Alertmanager does"):
        bench.api.silences()
