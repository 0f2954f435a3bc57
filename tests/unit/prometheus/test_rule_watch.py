"""The stages that Prometheus' rules show: their instants, by its clock where that agrees with what polling saw."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from flowdrill.edges.prometheus.http_api import HttpApi
from flowdrill.edges.prometheus.login import Login
from flowdrill.edges.prometheus.prometheus_api import PrometheusApi
from flowdrill.edges.prometheus.rule_watch import RuleWatch
from flowdrill.engine.facts import AlertGone, AlertSeen, Fact
from flowdrill.errors import AlertSourceError
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.detect_plan import AlertPlan
from tests.unit.prometheus.fake_prometheus import FakePrometheus, utc
from tests.unit.prometheus.fake_server import FakeServer, serving

AHEAD_SECONDS = 1234.5
SAMPLED, PENDING, FIRING = AlertStage.SAMPLED, AlertStage.PENDING, AlertStage.FIRING


def api_to(url: str) -> PrometheusApi:
    login = Login({}, ssl.create_default_context())
    return PrometheusApi(HttpApi(url, login, name="Prometheus", key="detect.prometheus"))


@dataclass
class Bench:
    server: FakeServer
    prometheus: FakePrometheus
    watch: RuleWatch
    told: list[Fact]

    def poll(self) -> list[Fact]:
        """What one poll tells."""
        self.told.clear()
        self.watch.poll()
        return [*self.told]

    def look_again(self) -> None:
        self.watch._next_look_ns = 0


@pytest.fixture(params=[0.0, -AHEAD_SECONDS])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with serving() as server:
        prometheus = FakePrometheus(ahead_seconds=request.param)
        prometheus.serve_on(server)
        told: list[Fact] = []
        plan = AlertPlan.model_validate_json(json.dumps({"labels": {"severity": "page"}}))
        start_ns = time.monotonic_ns() - 20 * 10**9
        yield Bench(
            server,
            prometheus,
            RuleWatch(api_to(server.url), {"FlowFailing": plan}, told.append, start_ns, fires=True),
            told,
        )


def stages(facts: list[Fact]) -> list[AlertStage]:
    return [fact.stage for fact in facts if isinstance(fact, AlertSeen)]


def seen(facts: list[Fact], stage: AlertStage) -> AlertSeen:
    (found,) = (fact for fact in facts if isinstance(fact, AlertSeen) and fact.stage is stage)
    return found


def test_a_quiet_alert_tells_nothing(bench: Bench) -> None:
    assert bench.poll() == []
    assert bench.poll() == []


def test_pending_is_when_prometheus_says_whatever_its_clock_shows(bench: Bench) -> None:
    bench.poll()
    truth_ns, since = time.monotonic_ns(), bench.prometheus.now()
    bench.prometheus.set("pending", since)
    fact = seen(bench.poll(), PENDING)
    # the stamp was read between two readings of this host's clock, to a millisecond
    assert fact.instant.earliest_ns <= truth_ns + 2_000_000
    assert truth_ns <= fact.instant.latest_ns + 2_000_000
    assert fact.instant.latest_ns <= fact.arrived_ns
    assert bench.poll() == []


def test_a_stamp_that_polling_contradicts_does_not_count(bench: Bench) -> None:
    bench.poll()
    polled_ns = time.monotonic_ns()
    bench.poll()
    bench.prometheus.set("pending", bench.prometheus.now() - 3600)
    fact = seen(bench.poll(), PENDING)
    assert fact.instant.earliest_ns >= polled_ns  # since the last poll that did not show it


def test_the_first_bad_sample_is_found_to_milliseconds(bench: Bench) -> None:
    bench.poll()
    truth_ns, at = time.monotonic_ns(), bench.prometheus.now()
    bench.prometheus.holds_from = at - 7
    bench.prometheus.set("pending", at)
    fact = seen(bench.poll(), SAMPLED)
    scraped_ns = truth_ns - 7 * 10**9
    assert fact.instant.earliest_ns <= scraped_ns + 2_000_000
    assert scraped_ns <= fact.instant.latest_ns + 2_000_000
    assert fact.instant.latest_ns - fact.instant.earliest_ns < 1_000_000_000


def test_a_sample_is_found_although_the_rule_is_not_pending(bench: Bench) -> None:
    bench.poll()
    bench.prometheus.holds_from = bench.prometheus.now() - 1
    bench.look_again()
    assert stages(bench.poll()) == [SAMPLED]
    bench.prometheus.set("pending")
    assert stages(bench.poll()) == [PENDING]  # the sample is the same one


def test_a_sample_that_held_for_a_moment_only_does_not_hide_the_next_one(bench: Bench) -> None:
    for _ in range(2):
        bench.prometheus.holds_from = bench.prometheus.now() - 1
        bench.look_again()
        assert stages(bench.poll()) == [SAMPLED]
        bench.look_again()
        assert bench.poll() == []
        bench.prometheus.holds_from = None
        bench.look_again()
        assert bench.poll() == []


def test_firing_tells_pending_too_where_no_poll_has_seen_it(bench: Bench) -> None:
    bench.poll()
    at = bench.prometheus.now()
    bench.prometheus.set("firing", at)
    bench.prometheus.firing_samples = [at - 100, at]
    facts = bench.poll()
    assert stages(facts) == [PENDING, FIRING]
    assert seen(facts, FIRING).detects
    width_ns = seen(facts, FIRING).instant.latest_ns - seen(facts, FIRING).instant.earliest_ns
    assert width_ns > 0


def test_firing_is_the_first_sample_of_alerts_that_agrees_with_polling(bench: Bench) -> None:
    bench.prometheus.set("pending")
    bench.poll()
    truth_ns, at = time.monotonic_ns(), bench.prometheus.now()
    bench.prometheus.set("firing", at)
    bench.prometheus.firing_samples = [at - 100, at, at + 100]
    fact = seen(bench.poll(), FIRING)
    assert fact.instant.earliest_ns <= truth_ns + 2_000_000
    assert truth_ns <= fact.instant.latest_ns + 2_000_000


def test_firing_is_the_rules_evaluation_where_alerts_has_no_samples_yet(bench: Bench) -> None:
    bench.prometheus.set("pending")
    bench.poll()
    truth_ns = time.monotonic_ns()
    bench.prometheus.rule["lastEvaluation"] = utc(bench.prometheus.now())
    bench.prometheus.set("firing")
    fact = seen(bench.poll(), FIRING)
    assert truth_ns <= fact.instant.latest_ns + 2_000_000


def test_an_alert_that_is_quiet_again_is_told_and_begins_anew(bench: Bench) -> None:
    bench.prometheus.set("firing")
    bench.poll()
    bench.prometheus.set(None)
    (gone,) = bench.poll()
    assert isinstance(gone, AlertGone)
    assert (gone.stage, gone.why) == (FIRING, AlertEnd.RESOLVED)
    bench.prometheus.set("pending")
    assert stages(bench.poll()) == [PENDING]


def test_an_alert_with_other_labels_is_told_once_and_is_no_stage(bench: Bench) -> None:
    bench.prometheus.set("firing", severity="ticket")
    (gone,) = bench.poll()
    assert isinstance(gone, AlertGone)
    assert gone.why is AlertEnd.OTHER_LABELS
    assert 'severity="ticket"' in gone.says
    assert bench.poll() == []


def test_a_rule_that_fails_in_mid_run_is_told(bench: Bench) -> None:
    bench.poll()
    bench.prometheus.rule |= {"health": "err", "lastError": "many-to-many"}
    (gone,) = bench.poll()
    assert isinstance(gone, AlertGone)
    assert (gone.why, gone.says) == (AlertEnd.RULE_FAILED, "the rule cannot be evaluated: many-to-many")


@pytest.mark.parametrize("path", ["/api/v1/rules", "/api/v1/query"])
@pytest.mark.parametrize("data", [None, [], 7, {}, {"groups": 7, "result": 7}, {"result": []}, {"result": ["x", "y"]}])
def test_answers_of_another_shape_are_errors_and_never_a_quiet_alert(bench: Bench, path: str, data: object) -> None:
    for answer in (data, {"status": "success", "data": data}, {"status": "error", "data": data}):
        bench.server.answers[path] = answer
        bench.look_again()
        with pytest.raises(AlertSourceError, match=r"answer|say"):
            bench.poll()
    assert bench.told == []


def test_a_rule_that_is_no_longer_there_is_told(bench: Bench) -> None:
    bench.poll()
    bench.prometheus.rule["name"] = "Renamed"
    (gone,) = bench.poll()
    assert isinstance(gone, AlertGone)
    assert (gone.why, gone.says) == (AlertEnd.RULE_FAILED, "Prometheus has no such rule any more")
    assert bench.poll() == []


def test_stamps_that_are_none_leave_what_polling_saw(bench: Bench) -> None:
    bench.poll()
    for stamp in ("0001-01-01T00:00:00Z", "9999-99-99T00:00:00Z", "x" * 1000, None, 7, "2026-02-30T00:00:00Z"):
        bench.prometheus.set("pending")
        bench.prometheus.alerts[0]["activeAt"] = stamp
        fact = seen(bench.poll(), PENDING)
        assert fact.instant.earliest_ns <= fact.instant.latest_ns <= fact.arrived_ns
        bench.prometheus.set(None)
        bench.poll()


def test_only_get_is_ever_used(bench: Bench) -> None:
    bench.prometheus.set("firing")
    bench.poll()
    assert {asked.method for asked in bench.server.asked} == {"GET"}
