"""Would the team's alerts tell of the failure? What Prometheus and Alertmanager say before anything is broken."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from flowdrill.analysis.alert_labels import contradictions
from flowdrill.analysis.alert_standing import standing
from flowdrill.analysis.alert_words import metrics_required
from flowdrill.analysis.printable import printable
from flowdrill.analysis.promql_names import metric_names
from flowdrill.engine.alertmanager_checks import check_alertmanager, tell_unreached
from flowdrill.engine.baseline import UnsteadyError
from flowdrill.engine.findings import Findings
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.source_ports import AlertSource
from flowdrill.errors import AlertSourceError
from flowdrill.model.alerts import AlertRule, AlertStage
from flowdrill.model.detect_plan import AlertPlan, DetectPlan
from flowdrill.model.drill import Drill
from flowdrill.model.quantity import format_seconds
from flowdrill.model.status import Status

_QUIET = "no alert that must fire is pending or firing before the drill"
_MOST_METRICS = 20  # of one expression
_MOST_NAMES = 20_000  # that a misspelt one is compared with


def check_alerts(drill: Drill, source: AlertSource | None, findings: Findings) -> bool:
    """Check each alert that must fire, and Alertmanager. Return whether everything is known that a drill's beginning
    depends on: it is not while Prometheus cannot be asked, or an alert fires already."""
    plan, limit_seconds = drill.detect, drill.detect_limit_seconds
    if plan.prometheus is None or source is None:
        return True
    try:
        rules = source.rules()
    except AlertSourceError as error:
        tell_unreached("prometheus_answers", "Prometheus says which alerting rules it has", error, findings)
        return False
    findings.check(
        "prometheus_answers", Status.PASS, required="Prometheus says which alerting rules it has",
        observed=f"{len(rules)} alerting rules",
    )  # fmt: skip
    quiet = True
    for name, alert in plan.prometheus.alerts.items():
        rule = _check_rule(name, alert, rules, findings)
        if rule is not None:
            try:
                _check_in_time(name, rule, limit_seconds, findings)
                _check_expression(name, alert, rule, source, findings)
            except AlertSourceError as error:
                tell_unreached("alert_metrics_exist", metrics_required(name), error, findings)
            quiet &= _check_quiet(name, alert, rules, findings)
    return check_alertmanager(plan, rules, source, findings) and quiet


def _check_rule(name: str, alert: AlertPlan, rules: Sequence[AlertRule], findings: Findings) -> AlertRule | None:
    """The rule that is meant; None when there is none."""
    required = f"Prometheus has an alerting rule {name}" + (f" with {_wanted(alert)}" if alert.labels else "")
    named = [rule for rule in rules if rule.name == name]
    if not named:
        close = difflib.get_close_matches(name, {rule.name for rule in rules}, n=3)
        there = f"there are: {', '.join(map(printable, close))}" if close else f"none of its {len(rules)} is like it"
        remedy = f"`detect.prometheus.alerts` names rules by their `alert:`; {there}"
        findings.check(
            "alert_rule_exists", Status.FAIL, required=required, observed="no rule of this name", detail=remedy
        )
        return None
    meant = [rule for rule in named if not contradictions(rule, alert.labels)]
    if not meant:
        has = ", ".join(contradictions(named[0], alert.labels))
        findings.check(
            "alert_rule_exists", Status.FAIL, required=required, observed=f"its rule sets {printable(has)}",
            detail="name the labels that the rule sets, or mend the rule",
        )  # fmt: skip
        return None
    findings.check("alert_rule_exists", Status.PASS, required=required, observed=f"{len(meant)} of this name")
    return meant[0]


def _check_expression(name: str, alert: AlertPlan, rule: AlertRule, source: AlertSource, findings: Findings) -> None:
    required = f"Prometheus can evaluate the rule {name}"
    if rule.health == "err":
        findings.check(
            "alert_rule_healthy", Status.FAIL, required=required, observed=f"it cannot: {printable(rule.last_error)}",
            detail="mend the rule: an alert that cannot be evaluated never fires",
        )  # fmt: skip
    else:
        known = rule.health == "ok"
        findings.check(
            "alert_rule_healthy", Status.PASS if known else Status.WARNING, required=required,
            observed="it does" if known else "it has not been evaluated yet",
        )  # fmt: skip
    _check_metrics(name, rule.expression, source, findings)
    if alert.sample is not None:
        _check_sample(name, alert.sample, source, findings)


def _check_in_time(name: str, rule: AlertRule, limit_seconds: float, findings: Findings) -> None:
    limit, needs = format_seconds(limit_seconds), format_seconds(rule.for_seconds)
    in_time = rule.for_seconds < limit_seconds
    findings.check(
        "alert_in_time", Status.PASS if in_time else Status.WARNING,
        required=f"{name} can fire within the {limit} that the failure may last",
        observed=f"its condition must hold for {needs}",
        detail="" if in_time else "`detect.limit` (by people: `take_over_after`) needs more than the rule's `for`",
    )  # fmt: skip


def _check_metrics(name: str, expression: str, source: AlertSource, findings: Findings) -> None:
    named = metric_names(expression)[:_MOST_METRICS]
    missing = source.without_series(named)
    if not missing:
        findings.check(
            "alert_metrics_exist", Status.PASS, required=metrics_required(name),
            observed=printable(", ".join(named)) or "it names none",
        )  # fmt: skip
        return
    there = [one for one in source.metric_names()[:_MOST_NAMES] if len(one) < 200]
    told = []
    for metric in missing:
        close = difflib.get_close_matches(metric, there, n=3)
        told.append(f"{metric} has none" + (f" (there are {', '.join(close)})" if close else ""))
    findings.check(
        "alert_metrics_exist", Status.WARNING, required=metrics_required(name), observed=printable("; ".join(told)),
        detail="a name that is misspelt never fires; one that is counted from the first failure on is there later",
    )  # fmt: skip


def _check_sample(name: str, query: str, source: AlertSource, findings: Findings) -> None:
    required = f"detect.prometheus.alerts.{name}.sample is PromQL, and has no value before the failure"
    problem = source.problem_of(query)
    if problem is not None:
        findings.check(
            "alert_sample_usable", Status.FAIL, required=required, observed=f"Prometheus says: {printable(problem)}",
            detail=f"mend detect.prometheus.alerts.{name}.sample in the drill, or leave it out",
        )  # fmt: skip
        return
    holds = source.holds(query)
    findings.check(
        "alert_sample_usable", Status.FAIL if holds else Status.PASS, required=required,
        observed="it has a value already" if holds else "it has none now",
        detail="write it so that only a bad sample gives it one, such as `increase(failed_total[1m]) > 0`" * holds,
    )  # fmt: skip


def _check_quiet(name: str, alert: AlertPlan, rules: Sequence[AlertRule], findings: Findings) -> bool:
    there = standing(rules, name, alert.labels)
    required = f"{name} is neither pending nor firing before the drill"
    if there.stage is None:
        findings.check("alert_quiet", Status.PASS, required=required, observed="it is quiet")
        return True
    findings.check(
        "alert_quiet", Status.UNKNOWN, required=required, observed=f"it is {there.stage} already",
        detail="a drill cannot tell whether it would have fired: drill when it is quiet",
    )  # fmt: skip
    return False


def refuse_loud_alerts(plan: DetectPlan, lookout: Lookout, tell: Narrator) -> None:
    """UnsteadyError when an alert that must fire has begun to before anything was broken, or when Prometheus or
    Alertmanager is away: what would be measured then says nothing."""
    if plan.prometheus is None:
        return
    loud = [one for one in lookout.alerts_heard if one.stage is not AlertStage.SAMPLED]
    observed = ""
    if loud:
        observed = f"{loud[0].alert} was {loud[0].stage} in the baseline"
    elif lookout.sources_away:
        observed = "; ".join(lookout.sources_away.values())
    tell.check(
        "alerts_quiet_in_baseline", Status.UNKNOWN if observed else Status.PASS,
        required=_QUIET, observed=printable(observed) or "all were quiet",
    )  # fmt: skip
    if observed:
        raise UnsteadyError(f"the alerts cannot be measured: {printable(observed)}")


def _wanted(alert: AlertPlan) -> str:
    return ", ".join(f"{name}={value}" for name, value in alert.labels.items())
