"""Drills whose failure a real Prometheus scrapes, evaluates and sends to a real Alertmanager."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.run_clock import run_clock
from flowdrill.edges.prometheus.alert_source import open_alerts
from flowdrill.engine.run import run
from flowdrill.engine.source_ports import Source
from flowdrill.model.alerts import AlertStage
from flowdrill.model.events import AlertStageSeen, Check, Detected, End, ImageSet
from flowdrill.model.limits_plan import LimitName, WatchedAlerts
from flowdrill.model.noticed import GameDayKind
from flowdrill.model.outcome import Reason, RecordKind
from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from tests.fakes.paced_time import PacedTime
from tests.fakes.world import World, drill_of
from tests.real.monitoring import (
    Monitoring,
    expire,
    exporter,
    get_json,
    missing_programs,
    monitoring,
    silence,
    wait_until,
)

pytestmark = pytest.mark.prometheus
RULES = [
    {
        "alert": "FlowFailing",
        "expr": 'increase(flow_requests_total{outcome="bad"}[3s]) > 0',
        "for": "1s",
        "labels": {"severity": "page"},
    },
    {"alert": "FlowFailingTypo", "expr": 'increase(flow_request_total{outcome="bad"}[3s]) > 0'},
]


class Counted:
    """The outcomes of the drill under way, as its exporter counts them."""

    def __init__(self) -> None:
        self.world: World | None = None
        self.served: list[tuple[int, int]] = []  # (when a scrape was answered, how many bad ones it was told)

    def counts(self) -> dict[str, int]:
        done = [one for one in (self.world.load.records if self.world else []) if one.kind is RecordKind.FINISHED]
        bad = sum(one.reason is not Reason.GOOD for one in [*done])
        self.served.append((time.monotonic_ns(), bad))
        return {"good": len(done) - bad, "bad": bad}


@dataclass(frozen=True)
class Lab:
    up: Monitoring
    counted: Counted


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if missing := missing_programs():
        pytest.skip(f"not on PATH: {', '.join(missing)}")
    counted = Counted()
    with exporter(counted.counts) as target, monitoring(tmp_path_factory.mktemp("monitoring"), target, RULES) as up:
        yield Lab(up, counted)


@contextmanager
def drilled(
    lab: Lab,
    *,
    alert: str = "FlowFailing",
    rollback: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    **detect: Any,
) -> Iterator[World]:
    """A world that Prometheus looks at, whose drill wants one alert."""
    plan: dict[str, Any] = {
        "limit": "8s",
        "prometheus": {"url": lab.up.prometheus_url, "alerts": {alert: {}}},
        "alertmanager": {"url": lab.up.alertmanager_url, "webhook": lab.up.webhook},
    }
    baseline = {"window": "2s", "max_bad_ratio": "30%"}
    drill = drill_of(
        detect={**plan, **detect}, baseline=baseline, hold="1s", rollback=rollback or {}, limits=limits or {}
    )
    world = World(drill=drill, time=PacedTime(), step_seconds=0.2)
    lab.counted.world = world
    try:
        yield world
    finally:
        lab.counted.world = None


def carried_out(world: World) -> Result:
    with open_alerts(world.drill.detect, Path(), os.environ) as alerts:
        assert alerts is not None
        limits = world.drill.limits
        around: dict[LimitName, Source] = {}
        if limits.alerts is WatchedAlerts.OUTSIDE:
            around[LimitName.ALERTS] = alerts.outside(limits.allow_alerts)
        run(world.order(), replace(world.ports(), alerts=alerts, sources=(alerts,), around=around), world.emit)
    report = report_of(world.record())
    assert "<h2>Alerts</h2>" in render_html(report) or report.result.instants.broken is None
    assert "Alert Flow" in render_markdown(report) or report.result.instants.broken is None
    return report.result


def quiet(lab: Lab) -> bool:
    groups = get_json(f"{lab.up.prometheus_url}/api/v1/rules")["data"]["groups"]
    held = get_json(f"{lab.up.alertmanager_url}/api/v2/alerts")
    return not held and all(rule["state"] == "inactive" for group in groups for rule in group["rules"])


def checks_of(result: Result, name: str) -> list[Check]:
    return [
        Check(one.name, one.status, one.required, one.observed, one.detail) for one in result.checks if one.name == name
    ]


def test_every_stage_is_measured_ordered_and_bounded_and_nothing_is_left_behind(lab: Lab) -> None:
    before = lab.up.left()
    alerts = {"FlowFailing": {"labels": {"severity": "page"}}}
    with drilled(lab, prometheus={"url": lab.up.prometheus_url, "alerts": alerts}) as world:
        result = carried_out(world)
    (fact,) = result.alerts
    assert [one.stage for one in fact.stages] == list(AlertStage), result.checks
    for earlier, later in pairwise(fact.stages):
        assert earlier.at.seconds <= later.at.seconds
        assert earlier.at.earliest <= later.at.latest
    for earlier, later in pairwise(fact.stages[:3]):  # by Prometheus' own time stamps, to milliseconds
        assert earlier.at.latest < later.at.earliest
    clock = run_clock(world.record())
    scrapes = [(clock.seconds(at_ns), bad) for at_ns, bad in lab.counted.served]
    shown = next(i for i, (at, bad) in enumerate(scrapes) if bad and at > 0)
    assert scrapes[shown - 1][0] <= fact.stages[0].at.latest  # it is this scrape, and not the one before
    assert fact.stages[0].at.earliest <= scrapes[shown][0]
    widths = {one.stage: one.at.latest - one.at.earliest for one in fact.stages}
    polled = widths[AlertStage.RECEIVED]
    assert all(widths[stage] < polled for stage in (AlertStage.SAMPLED, AlertStage.PENDING, AlertStage.FIRING))
    assert [one.status for one in checks_of(result, "alert_fired")] == [Status.PASS]
    assert result.verdict is Verdict.PASS, result.reasons
    (decisive,) = (one for one in result.detections if one.triggers)
    assert decisive.detector == "FlowFailing"
    assert (decisive.at.earliest, decisive.at.latest) == (fact.stages[-1].at.earliest, fact.stages[-1].at.latest)
    assert lab.up.left() == before


def test_a_silence_refuses_the_drill_and_says_whose_it_is(lab: Lab) -> None:
    identity = silence(lab.up, "FlowFailing")
    try:
        with drilled(lab) as world:
            result = carried_out(world)
    finally:
        expire(lab.up, identity)
    assert (result.end, result.verdict) == (End.REFUSED, Verdict.FAIL)
    (check,) = checks_of(result, "alert_not_silenced")
    assert check.observed.startswith("silenced by ops@example.com until 20")
    assert world.all_of(ImageSet) == []


def test_a_silence_of_mid_run_and_a_misspelt_metric_are_found(lab: Lab) -> None:
    wait_until(lambda: quiet(lab), "no alert is pending, firing, or at Alertmanager")
    silences: list[str] = []
    alerts: dict[str, Any] = {"FlowFailing": {}, "FlowFailingTypo": {}}
    with drilled(lab, limit="7s", prometheus={"url": lab.up.prometheus_url, "alerts": alerts}) as world:
        world.at_the_break = lambda: silences.append(silence(lab.up, "FlowFailing"))
        try:
            result = carried_out(world)
        finally:
            expire(lab.up, silences[0])
    failing, misspelt = checks_of(result, "alert_fired")
    assert (failing.status, misspelt.status) == (Status.FAIL, Status.FAIL)
    assert "people were not told: silenced by ops@example.com" in failing.observed
    (fact, _) = result.alerts
    assert [one.stage for one in fact.stages] == list(AlertStage)[:4]
    warned = next(one for one in checks_of(result, "alert_metrics_exist") if one.status is Status.WARNING)
    assert warned.observed == "flow_request_total has none (there are flow_requests_total)"
    assert misspelt.detail == f"a metric of its expression had no series: {warned.observed}"
    assert set(result.silent_detectors) >= set(alerts)


def test_a_silence_made_by_somebody_who_was_told_acknowledges_the_alert(lab: Lab) -> None:
    wait_until(lambda: quiet(lab), "no alert is pending, firing, or at Alertmanager")
    silences: list[str] = []

    def somebody(world: World) -> None:
        wait_until(lambda: {"FlowFailing"} & {one.detector for one in world.all_of(Detected)}, "it is delivered")
        # nobody silences what was delivered a tenth of a second ago: it was seen at Alertmanager by then
        received = AlertStage.RECEIVED
        wait_until(lambda: any(one.stage is received for one in world.all_of(AlertStageSeen)), "Alertmanager has it")
        silences.append(silence(lab.up, "FlowFailing"))

    with drilled(lab, rollback={"by": "human", "take_over_after": "20s"}) as world, ThreadPoolExecutor(1) as pool:
        world.at_the_break = lambda: pool.submit(somebody, world) and None
        result = carried_out(world)
    expire(lab.up, silences[0])
    assert result.instants.acknowledged is not None
    assert result.game_day is not None
    (entry,) = (one for one in result.game_day.entries if one.kind is GameDayKind.ACKNOWLEDGED)
    assert (entry.who, entry.what[:27]) == ("ops@example.com", "alert FlowFailing silenced ")
    assert [one.status for one in checks_of(result, "alert_fired")] == [Status.PASS]


def test_an_alert_that_is_not_the_drills_stops_it_unless_it_may_fire(lab: Lab) -> None:
    wait_until(lambda: quiet(lab), "no alert is pending, firing, or at Alertmanager")
    with drilled(lab, alert="FlowFailingTypo", limits={"alerts": "outside"}) as world:
        result = carried_out(world)
    assert result.end is End.LIMIT, result.reasons
    assert "alerts: alert FlowFailing{" in result.reasons[0]
    assert world.problems_left() == []
    wait_until(lambda: quiet(lab), "no alert is pending, firing, or at Alertmanager")
    allowed = {"alerts": "outside", "allow_alerts": ["FlowFailing"]}
    with drilled(lab, alert="FlowFailingTypo", limit="7s", limits=allowed) as world:
        result = carried_out(world)
    assert result.end is End.COMPLETED, result.reasons
    assert [(one.name, one.status) for one in result.limits if one.name == "alerts"] == [("alerts", Status.PASS)]


def test_a_prometheus_that_goes_away_in_mid_run_leaves_it_unknown_whether_the_alert_fired(lab: Lab) -> None:
    wait_until(lambda: quiet(lab), "no alert is pending, firing, or at Alertmanager")
    with drilled(lab, limit="3s") as world:
        world.at_the_break = lab.up.prometheus.kill
        result = carried_out(world)
    (check,) = checks_of(result, "alert_fired") or pytest.fail(str(result.reasons))
    assert check.status is Status.UNKNOWN
    assert check.observed == "it did not fire, as far as was seen"
    assert "cannot be reached" in check.detail
    assert world.problems_left() == []
