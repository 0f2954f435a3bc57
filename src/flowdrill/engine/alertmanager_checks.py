"""Would Alertmanager pass the team's alerts on? What it says before anything is broken."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.analysis.alert_labels import covers, known_labels
from flowdrill.analysis.alert_standing import standing
from flowdrill.analysis.printable import printable
from flowdrill.engine.findings import Findings
from flowdrill.engine.source_ports import AlertSource
from flowdrill.errors import AlertSourceAwayError, AlertSourceError
from flowdrill.model.alerts import AlertRule, Silence
from flowdrill.model.detect_plan import DetectPlan
from flowdrill.model.status import Status


def check_alertmanager(plan: DetectPlan, rules: Sequence[AlertRule], source: AlertSource, findings: Findings) -> bool:
    """Check the alerts' way through Alertmanager, where the drill names one. Return whether it says what a drill's
    beginning depends on: it does not while it cannot be asked, or has one of the alerts already."""
    if plan.alertmanager is None or plan.prometheus is None:
        return True
    _check_known(source, findings)
    required = "Alertmanager says which silences and alerts it has"
    try:
        silences, received = source.silences(), source.already_received()
    except AlertSourceError as error:
        tell_unreached("alertmanager_answers", required, error, findings)
        return False
    held = printable(", ".join(received))
    findings.check(
        "alertmanager_answers", Status.UNKNOWN if held else Status.PASS,
        required=f"{required}, and none of those that must fire",
        observed=f"it has {held} already" if held else f"{len(silences)} active silences",
        detail="a drill cannot tell whether it would have come: drill when it is resolved there, too" if held else "",
    )  # fmt: skip
    for name, alert in plan.prometheus.alerts.items():
        rule = standing(rules, name, alert.labels).rule
        _check_silences(name, known_labels(rule, name, alert.labels), silences, findings)
    return not held


def _check_known(source: AlertSource, findings: Findings) -> None:
    required = "Prometheus sends its alerts to an Alertmanager"
    try:
        known = source.alertmanagers()
    except AlertSourceError as error:  # others with Prometheus' API need not know any
        observed = f"it does not say: {printable(error.problem)}"
        findings.check("alertmanager_known", Status.WARNING, required=required, observed=observed)
        return
    findings.check(
        "alertmanager_known", Status.PASS if known else Status.WARNING, required=required,
        observed=printable(", ".join(known)) or "it knows none",
        detail="" if known else "see `alerting:` in Prometheus' configuration, and that its Alertmanager runs",
    )  # fmt: skip


def _check_silences(name: str, known: dict[str, str], silences: Sequence[Silence], findings: Findings) -> None:
    required = f"no silence keeps {name} from people"
    answers = [(silence, covers(silence, known)) for silence in silences]
    sure = [silence for silence, answer in answers if answer]
    perhaps = [silence for silence, answer in answers if answer is None]
    if sure:
        findings.check(
            "alert_not_silenced", Status.FAIL, required=required, observed=_listed(sure),
            detail="expire the silence (`amtool silence expire`), or drill when it has ended",
        )  # fmt: skip
    elif perhaps:
        findings.check(
            "alert_not_silenced", Status.WARNING, required=required, observed=f"it may be {_listed(perhaps)}",
            detail="that depends on labels which it has only once it fires: name them in the drill where you can",
        )  # fmt: skip
    else:
        findings.check("alert_not_silenced", Status.PASS, required=required, observed="none matches it")


def tell_unreached(name: str, required: str, error: AlertSourceError, findings: Findings) -> None:
    """Record that something could not be asked: unknown where there was no answer, else a failure."""
    status = Status.UNKNOWN if isinstance(error, AlertSourceAwayError) else Status.FAIL
    findings.check(name, status, required=required, observed=printable(error.problem), detail=error.remedy)


def _listed(silences: Sequence[Silence]) -> str:
    more = f", and {len(silences) - 3} more" if len(silences) > 3 else ""
    return printable("; ".join(one.described() for one in silences[:3]) + more)
