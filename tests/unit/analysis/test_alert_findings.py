"""What a run says of its alerts: whether they fired, for this failure, and got to people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.events import End
from flowdrill.model.result import Assessment, Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from tests.fakes.fake_alerts import FakeAlerts
from tests.fakes.world import World, drill_of

ALERT = "FlowFailing"
SAMPLED, PENDING, FIRING, RECEIVED, NOTIFIED = AlertStage
Script = Callable[[FakeAlerts], None]


def drilled(script: Script, *, webhook: bool = False, trigger: str = "", world: World | None = None) -> Result:
    """Carry out a drill whose alert does what `script` schedules at the break; 10 s may pass until it is detected."""
    world = world or world_of(webhook=webhook, trigger=trigger)
    alerts = world.alerts
    assert alerts is not None
    world.at_the_break = lambda: script(alerts)
    assert world.run().end is End.COMPLETED
    report = report_of(world.record())
    assert render_html(report)
    assert render_markdown(report)
    return report.result


def world_of(*, webhook: bool = False, trigger: str = "", **alert: Any) -> World:
    detect = {
        "limit": "10s",
        "trigger": trigger,
        "prometheus": {"url": "http://p", "alerts": {ALERT: alert}},
        "alertmanager": {"url": "http://a", **({"webhook": "127.0.0.1:1"} if webhook else {})},
    }
    return World(drill=drill_of(detect=detect))


def finding(result: Result) -> Assessment:
    (found,) = (one for one in result.checks if one.name == "alert_fired")
    return found


def all_stages(alerts: FakeAlerts) -> None:
    for seconds, stage in enumerate((SAMPLED, PENDING, FIRING), 2):
        alerts.reach(ALERT, stage, seconds)
    alerts.reach(ALERT, RECEIVED, 5, detects=True)


def test_an_alert_that_fires_and_gets_to_alertmanager_passes_with_its_time_and_every_stage() -> None:
    result = drilled(all_stages)
    assert finding(result).status is Status.PASS
    assert result.verdict is Verdict.PASS
    (fact,) = result.alerts
    assert [one.stage for one in fact.stages] == [SAMPLED, PENDING, FIRING, RECEIVED]
    times = [one.since_impact.seconds for one in fact.stages if one.since_impact]
    assert times == sorted(times)
    (said,) = (one for one in result.detections if one.detector == ALERT)
    assert said.triggers
    assert said.time_to_detect == fact.stages[-1].since_impact


def test_estimates_are_in_the_order_of_the_stages_where_the_bounds_leave_it_open() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, FIRING, 4)
        alerts.reach(ALERT, RECEIVED, 4.1, detects=True, width_ns=10**9)

    firing, received = drilled(script).alerts[0].stages
    assert firing.at.seconds == received.at.seconds
    assert received.at.earliest < firing.at.earliest


def test_an_estimate_is_not_after_what_came_later() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, NOTIFIED, 4.1, detects=True)
        alerts.reach(ALERT, RECEIVED, 4.4, width_ns=4 * 10**8)

    received, notified = drilled(script, webhook=True).alerts[0].stages
    assert received.at.seconds == notified.at.seconds
    assert received.at.latest > notified.at.latest


def test_where_the_drill_listens_the_alert_must_be_delivered() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, FIRING, 2)
        alerts.reach(ALERT, RECEIVED, 3)

    found = finding(drilled(script, webhook=True))
    assert (found.status, found.observed) == (Status.FAIL, "Alertmanager had it, and no more")
    assert "group_wait" in found.detail


@pytest.mark.parametrize(
    ("reached", "observed", "detail"),
    [
        ((), "it did not fire", "its expression was never true in 10.00 s of the failure"),
        ((SAMPLED,), "its expression held, and no more", "evaluated at intervals"),
        ((PENDING,), "it was pending, and no more", "it was pending only: its `for` is longer"),
        ((PENDING, FIRING), "it fired, and no more", "see `alerting:`"),
    ],
)
def test_an_alert_that_never_gets_there_fails_and_says_how_far_it_came(
    reached: tuple[AlertStage, ...], observed: str, detail: str
) -> None:
    result = drilled(lambda alerts: [alerts.reach(ALERT, stage, 2) for stage in reached] and None)
    found = finding(result)
    assert (found.status, found.observed) == (Status.FAIL, observed)
    assert detail in found.detail
    assert result.verdict is Verdict.FAIL
    assert result.silent_detectors[-1:] == (ALERT,)


def test_a_metric_without_series_explains_an_alert_that_never_fired() -> None:
    world = world_of()
    assert world.alerts is not None
    world.alerts.metrics = ["flow_request_total"]
    found = finding(drilled(lambda _: None, world=world))
    assert found.status is Status.FAIL
    assert "flow_requests_total has none (there are flow_request_total)" in found.detail


def test_an_alert_with_other_labels_has_fired_for_another_reason() -> None:
    says = 'an alert of this name fires with other labels: {severity="ticket"}'
    found = finding(drilled(lambda alerts: alerts.end(ALERT, FIRING, 2, says, AlertEnd.OTHER_LABELS)))
    assert (found.status, found.observed) == (Status.FAIL, says)
    assert "another reason" in found.detail


def test_an_alert_that_fires_before_anything_could_be_seen_has_fired_for_another_reason() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, FIRING, 0)
        alerts.reach(ALERT, RECEIVED, 6, detects=True)

    found = finding(drilled(script))
    assert (found.status, found.detail) == (Status.FAIL, "it fired for another reason")


def test_an_alert_that_was_pending_early_and_fired_once_users_were_hit_passes() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, PENDING, 0)
        alerts.reach(ALERT, FIRING, 5)
        alerts.reach(ALERT, RECEIVED, 6, detects=True)

    assert finding(drilled(script)).status is Status.PASS


def test_another_source_that_is_lost_says_nothing_of_alerts() -> None:
    def script(alerts: FakeAlerts) -> None:
        all_stages(alerts)
        alerts.go(1, "cannot be opened", "the control channel")

    lost = finding(drilled(lambda alerts: alerts.go(1, "no longer listens", "the control channel")))
    assert lost.status is Status.FAIL
    assert finding(drilled(script)).status is Status.PASS


@pytest.mark.parametrize("why", [AlertEnd.SILENCED, AlertEnd.INHIBITED])
def test_an_alert_that_is_kept_from_people_fails_and_says_by_what(why: AlertEnd) -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, FIRING, 2)
        alerts.reach(ALERT, RECEIVED, 3)
        alerts.end(ALERT, RECEIVED, 3, "by ops", why)

    result = drilled(script)
    assert finding(result).status is Status.FAIL
    assert finding(result).observed == "it fired, and people were not told: by ops"
    assert not any(one.detector == ALERT for one in result.detections)


def test_a_silence_of_somebody_who_was_told_keeps_nothing_from_people() -> None:
    def script(alerts: FakeAlerts) -> None:
        all_stages(alerts)
        alerts.end(ALERT, RECEIVED, 5.5, "silenced by ann", AlertEnd.SILENCED)

    assert finding(drilled(script)).status is Status.PASS


def test_an_alert_that_resolves_before_it_is_sent_fails() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, FIRING, 2)
        alerts.end(ALERT, FIRING, 4, "no longer fires")

    found = finding(drilled(script, webhook=True))
    assert (found.status, found.observed) == (Status.FAIL, "it resolved before it was sent")


def test_a_rollback_that_another_detector_triggered_leaves_it_unknown() -> None:
    result = drilled(lambda _: None, trigger="sequential")
    found = finding(result)
    assert found.status is Status.UNKNOWN
    assert found.detail == "sequential triggered the rollback before it could: `detect.trigger` says who triggers"
    assert result.verdict is Verdict.INCONCLUSIVE


def test_an_alert_that_comes_after_another_detectors_rollback_is_measured_all_the_same() -> None:
    result = drilled(lambda alerts: alerts.reach(ALERT, RECEIVED, 4, detects=True), trigger="sequential")
    assert finding(result).status is Status.PASS
    assert not next(one for one in result.detections if one.detector == ALERT).triggers


def test_a_source_that_was_lost_leaves_it_unknown_also_when_it_came_back() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.go(3, "Prometheus at http://p cannot be reached")
        alerts.go(5, None)

    found = finding(drilled(script))
    assert (found.status, found.observed) == (Status.UNKNOWN, "it did not fire, as far as was seen")
    assert "Prometheus at http://p cannot be reached" in found.detail


def test_what_was_seen_counts_although_the_source_was_lost_later() -> None:
    def script(alerts: FakeAlerts) -> None:
        all_stages(alerts)
        alerts.go(6, "Alertmanager at http://a cannot be reached", "Alertmanager")

    assert finding(drilled(script)).status is Status.PASS


def test_an_alert_that_flapped_has_the_stages_of_the_time_it_fired() -> None:
    def script(alerts: FakeAlerts) -> None:
        alerts.reach(ALERT, PENDING, 2)
        alerts.end(ALERT, PENDING, 3, "its condition no longer holds")
        alerts.reach(ALERT, PENDING, 5)
        alerts.reach(ALERT, FIRING, 6)
        alerts.reach(ALERT, RECEIVED, 7, detects=True)

    result = drilled(script)
    assert finding(result).status is Status.PASS
    pending, firing = result.alerts[0].stages[:2]
    assert firing.at.seconds - pending.at.seconds == pytest.approx(1)


def test_a_drill_without_alerts_has_none_in_its_result() -> None:
    world = World()
    world.run()
    assert report_of(world.record()).result.alerts == ()
