"""What preflight says of the team's alerts, and what the baseline must show of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import AlertSourceAwayError, AlertSourceError
from flowdrill.model.alerts import ActiveAlert, AlertRule, AlertStage, LabelMatcher, Silence
from flowdrill.model.events import Check, Checked, End, ImageSet
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from tests.fakes.fake_alerts import EXPRESSION, FakeAlerts
from tests.fakes.world import World, drill_of

ALERT = "FlowFailing"
AWAY = AlertSourceAwayError("Prometheus at http://p cannot be reached: refused", "see that it runs")
PAGE = (("severity", "page"),)


def world_of(**alert: Any) -> tuple[World, FakeAlerts]:
    detect = {
        "limit": "10s",
        "prometheus": {"url": "http://p", "alerts": {ALERT: {"labels": {"severity": "page"}, **alert}}},
        "alertmanager": {"url": "http://a"},
    }
    world = World(drill=drill_of(detect=detect))
    assert world.alerts is not None
    return world, world.alerts


def checks(world: World) -> dict[str, Check]:
    return {event.check.name: event.check for event in world.all_of(Checked)}


def silence(*matchers: LabelMatcher) -> Silence:
    return Silence("id", "ops@example.com", "2026-11-26T12:00:00Z", "deploying", matchers)


def refused(world: World) -> Verdict:
    assert world.run().end is End.REFUSED
    assert world.all_of(ImageSet) == []
    assert world.problems_left() == []
    return report_of(world.record()).result.verdict


def test_alerts_that_could_fire_hold_every_check() -> None:
    world, alerts = world_of(sample="flow_bad > 0")
    world.at_the_break = lambda: alerts.reach(ALERT, AlertStage.RECEIVED, 2, detects=True)
    assert world.run().end is End.COMPLETED
    assert not alerts.watching
    made = checks(world)
    expected = ("prometheus_answers", "alert_rule_exists", "alert_rule_healthy", "alert_metrics_exist")
    for name in (*expected, "alert_sample_usable", "alert_quiet", "alertmanager_known", "alertmanager_answers"):
        assert made[name].status is Status.PASS, made[name]
    assert made["alert_not_silenced"].status is Status.PASS
    assert made["alerts_quiet_in_baseline"].status is Status.PASS


def test_a_prometheus_that_cannot_be_reached_is_unknown_and_nothing_is_broken() -> None:
    world, alerts = world_of()
    alerts.away = AWAY
    assert refused(world) is Verdict.INCONCLUSIVE
    assert checks(world)["prometheus_answers"].status is Status.UNKNOWN


def test_credentials_that_are_refused_fail() -> None:
    world, alerts = world_of()
    alerts.away = AlertSourceError("Prometheus at http://p does not let these credentials in (401)", "see the token")
    assert refused(world) is Verdict.FAIL


def test_an_alertmanager_that_cannot_be_reached_is_unknown() -> None:
    world, alerts = world_of()
    alerts.alertmanager_away = AWAY
    assert refused(world) is Verdict.INCONCLUSIVE
    assert checks(world)["alertmanager_answers"].status is Status.UNKNOWN


def test_an_alert_that_no_rule_has_fails_and_close_names_are_listed() -> None:
    world, alerts = world_of()
    rule = alerts.known_rules.pop(ALERT)
    alerts.known_rules["FlowFailin"] = replace(rule, name="FlowFailin")
    assert refused(world) is Verdict.FAIL
    assert "there are: FlowFailin" in checks(world)["alert_rule_exists"].detail


def test_a_rule_that_sets_another_label_than_the_wanted_one_fails() -> None:
    world, alerts = world_of()
    alerts.known_rules[ALERT] = replace(alerts.known_rules[ALERT], labels=(("severity", "ticket"),))
    assert refused(world) is Verdict.FAIL
    assert checks(world)["alert_rule_exists"].observed == "its rule sets severity=ticket"


def test_of_several_rules_of_one_name_the_one_with_the_wanted_labels_is_meant() -> None:
    world, alerts = world_of()
    other = AlertRule(ALERT, "nonsense", (("severity", "ticket"),), "err", "division by zero")
    alerts.known_rules = {"other": other, **alerts.known_rules}
    world.run()
    assert checks(world)["alert_rule_healthy"].status is Status.PASS


def test_a_rule_that_prometheus_cannot_evaluate_fails_with_what_it_says() -> None:
    world, alerts = world_of()
    bad = "many-to-many matching not allowed"
    alerts.known_rules[ALERT] = replace(alerts.known_rules[ALERT], health="err", last_error=bad)
    assert refused(world) is Verdict.FAIL
    assert checks(world)["alert_rule_healthy"].observed == f"it cannot: {bad}"


def test_a_rule_that_cannot_fire_within_the_limit_warns() -> None:
    world, alerts = world_of()
    alerts.known_rules[ALERT] = replace(alerts.known_rules[ALERT], for_seconds=60)
    world.run()
    check = checks(world)["alert_in_time"]
    assert (check.status, check.observed) == (Status.WARNING, "its condition must hold for 1 min 00 s")


def test_a_promql_that_is_none_fails_with_prometheus_words_and_the_drills_key() -> None:
    world, alerts = world_of(sample="rate(")
    alerts.wrong_queries["rate("] = "parse error: unclosed left parenthesis"
    assert refused(world) is Verdict.FAIL
    check = checks(world)["alert_sample_usable"]
    assert check.observed == "Prometheus says: parse error: unclosed left parenthesis"
    assert f"mend detect.prometheus.alerts.{ALERT}.sample" in check.detail


def test_a_sample_that_has_a_value_before_the_failure_fails() -> None:
    world, alerts = world_of(sample="up")
    alerts.holding.add("up")
    assert refused(world) is Verdict.FAIL


def test_a_metric_without_series_warns_with_names_like_it() -> None:
    world, alerts = world_of()
    alerts.metrics = ["flow_request_total", "up"]
    world.run()
    check = checks(world)["alert_metrics_exist"]
    assert check.status is Status.WARNING
    assert check.observed == "flow_requests_total has none (there are flow_request_total)"


@pytest.mark.parametrize("firing", [False, True])
def test_an_alert_that_is_loud_already_is_inconclusive(*, firing: bool) -> None:
    world, alerts = world_of()
    active = (ActiveAlert(PAGE, firing=firing, since_ns=1),)
    alerts.known_rules[ALERT] = replace(alerts.known_rules[ALERT], active=active)
    assert refused(world) is Verdict.INCONCLUSIVE
    assert checks(world)["alert_quiet"].status is Status.UNKNOWN


def test_an_alert_of_the_same_name_with_other_labels_may_fire_already() -> None:
    world, alerts = world_of()
    alerts.known_rules["other"] = AlertRule(
        ALERT, EXPRESSION, (("severity", "ticket"),), "ok", "", (ActiveAlert((("severity", "ticket"),), True, 1),)
    )
    world.run()
    assert checks(world)["alert_quiet"].status is Status.PASS


def test_an_alert_that_alertmanager_has_already_is_inconclusive() -> None:
    world, alerts = world_of()
    alerts.received = (ALERT,)
    assert refused(world) is Verdict.INCONCLUSIVE


def test_a_silence_that_matches_fails_and_says_whose_it_is() -> None:
    world, alerts = world_of()
    alerts.known_silences = (silence(LabelMatcher("severity", "page|ticket", is_regex=True, is_equal=True)),)
    assert refused(world) is Verdict.FAIL
    observed = checks(world)["alert_not_silenced"].observed
    assert observed == 'silenced by ops@example.com until 2026-11-26T12:00:00Z ("deploying")'


def test_a_silence_of_other_alerts_is_none_and_one_that_may_match_warns() -> None:
    world, alerts = world_of()
    alerts.known_silences = (silence(LabelMatcher("alertname", "Other", is_regex=False, is_equal=True)),)
    world.run()
    assert checks(world)["alert_not_silenced"].status is Status.PASS
    world, alerts = world_of()
    alerts.known_silences = (silence(LabelMatcher("instance", "a:1", is_regex=False, is_equal=True)),)
    world.run()
    assert checks(world)["alert_not_silenced"].status is Status.WARNING


def test_a_prometheus_without_an_alertmanager_warns() -> None:
    world, alerts = world_of()
    alerts.known_alertmanagers = ()
    world.run()
    assert checks(world)["alertmanager_known"].status is Status.WARNING


def test_an_alert_that_begins_in_the_baseline_ends_the_drill_before_the_break() -> None:
    world, alerts = world_of()
    world.time.after(6, lambda: alerts.reach(ALERT, AlertStage.PENDING, 0))
    outcome = world.run()
    assert (outcome.end, world.all_of(ImageSet)) == (End.UNSTEADY, [])
    assert f"{ALERT} was pending in the baseline" in outcome.why
    assert report_of(world.record()).result.verdict is Verdict.INCONCLUSIVE
    assert world.problems_left() == []


def test_a_prometheus_that_is_away_at_the_end_of_the_baseline_ends_the_drill_and_one_that_came_back_does_not() -> None:
    world, alerts = world_of()
    world.time.after(6, lambda: alerts.go(0, "Prometheus cannot be reached"))
    assert world.run().end is End.UNSTEADY
    world, alerts = world_of()
    world.time.after(6, lambda: alerts.go(0, "Prometheus cannot be reached"))
    world.time.after(8, lambda: alerts.go(0, None))
    assert world.run().end is End.COMPLETED
