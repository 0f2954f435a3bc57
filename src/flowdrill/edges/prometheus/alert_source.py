"""The port `AlertSource`: a Prometheus, the Alertmanager it sends to, and where the notifications are delivered."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from flowdrill.analysis.alert_labels import bears, labels_text
from flowdrill.edges.prometheus.alertmanager_api import AlertmanagerApi
from flowdrill.edges.prometheus.http_api import HttpApi
from flowdrill.edges.prometheus.login import login_of
from flowdrill.edges.prometheus.notification import Notification
from flowdrill.edges.prometheus.outside_alerts import OutsideAlerts
from flowdrill.edges.prometheus.poller import Poller
from flowdrill.edges.prometheus.prometheus_api import PrometheusApi
from flowdrill.edges.prometheus.received_watch import ReceivedWatch
from flowdrill.edges.prometheus.rule_watch import RuleWatch
from flowdrill.edges.prometheus.webhook import WebhookServer
from flowdrill.engine.facts import AlertGone, AlertSeen, Tell
from flowdrill.errors import QueryRefusedError
from flowdrill.model.alerts import ALERTMANAGER, PROMETHEUS, AlertEnd, AlertRule, AlertStage, Silence
from flowdrill.model.detect_plan import AlertPlan, Connection, DetectPlan
from flowdrill.model.instant import Instant


class PrometheusAlerts:
    """The `AlertSource` port."""

    def __init__(
        self,
        alerts: Mapping[str, AlertPlan],
        prometheus: PrometheusApi,
        alertmanager: AlertmanagerApi | None,
        webhook: WebhookServer | None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self.secrets = secrets  # that must be in nothing that is written
        self._alerts, self._prometheus = alerts, prometheus
        self._alertmanager, self._webhook = alertmanager, webhook
        self._pollers: tuple[Poller, ...] = ()

    def rules(self) -> tuple[AlertRule, ...]:
        """Return every alerting rule."""
        return self._prometheus.rules().rules

    def problem_of(self, query: str) -> str | None:
        """Return what Prometheus says against a PromQL."""
        try:
            self._prometheus.now(query)
        except QueryRefusedError as error:
            return error.problem
        return None

    def holds(self, query: str) -> bool:
        """Return whether a PromQL has a value now."""
        return any(one.at_ms for one in self._prometheus.now(query))

    def without_series(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Return those of the metrics that have no series now."""
        return tuple(name for name in metrics if not self.holds(f"count({_selector(name)})"))

    def metric_names(self) -> tuple[str, ...]:
        """Return the names of all metrics."""
        return self._prometheus.metric_names()

    def alertmanagers(self) -> tuple[str, ...]:
        """Return the URLs of the Alertmanagers that Prometheus sends to."""
        return self._prometheus.alertmanagers()

    def already_received(self) -> tuple[str, ...]:
        """Return those of the alerts that Alertmanager has now; none where the drill names no Alertmanager."""
        api = self._alertmanager
        if api is None:
            return ()
        there = {name: api.alerts(name).alerts for name in self._alerts}
        return tuple(
            name for name, plan in self._alerts.items() if any(bears(one.labels, plan.labels) for one in there[name])
        )

    def silences(self) -> tuple[Silence, ...]:
        """Return the active silences; none where the drill names no Alertmanager."""
        return self._alertmanager.silences() if self._alertmanager is not None else ()

    def outside(self, allowed: Collection[str]) -> OutsideAlerts:
        """Return who looks for alerts that fire and are neither these nor called as one of `allowed`."""
        return OutsideAlerts(self._prometheus, self._alerts, allowed)

    def start_watching(self, tell: Tell) -> None:
        """From now on tell each stage that an alert reaches."""
        now = time.monotonic_ns()
        rules = RuleWatch(self._prometheus, self._alerts, tell, now, fires=self._alertmanager is None)
        pollers = [Poller(PROMETHEUS, rules.poll, tell)]
        if self._alertmanager is not None:
            detects = self._webhook is None
            received = ReceivedWatch(self._alertmanager, self._alerts, tell, now, detects=detects)
            pollers.append(Poller(ALERTMANAGER, received.poll, tell))
        if self._webhook is not None:
            self._webhook.pass_on(_Notified(self._alerts, tell, rules))
        self._pollers = tuple(pollers)
        for poller in self._pollers:
            poller.start()

    def stop_watching(self) -> None:
        """Stop telling."""
        if self._webhook is not None:
            self._webhook.pass_on(None)
        pollers, self._pollers = self._pollers, ()
        for poller in pollers:
            poller.ask_to_stop()
        for poller in pollers:
            poller.stop()


class _Notified:
    """Tells the notifications that bring an alert which must fire. Alertmanager tries again for minutes to deliver what
    it could not: what fired before the watching is left out."""

    def __init__(self, alerts: Mapping[str, AlertPlan], tell: Tell, rules: RuleWatch) -> None:
        self._alerts, self._tell, self._rules = alerts, tell, rules

    def __call__(self, notification: Notification, received: Instant) -> None:
        """Tell what one notification brings."""
        arrived = received.latest_ns
        for one in notification.alerts:
            plan = self._alerts.get(one.name)
            if plan is None or self._rules.is_over(one.since_ns):
                continue
            shown = labels_text(one.labels)
            if not bears(one.labels, plan.labels):
                says = f"a notification came for an alert with other labels: {shown}"
                why = AlertEnd.OTHER_LABELS
                self._tell(AlertGone(arrived, one.name, AlertStage.NOTIFIED, says, why))
            elif one.firing:
                says = f"alert {one.name}{shown} was delivered by receiver {notification.receiver}"
                self._tell(AlertSeen(arrived, one.name, AlertStage.NOTIFIED, received, detects=True, says=says))
            else:
                says = "a notification came that it is resolved"
                self._tell(AlertGone(arrived, one.name, AlertStage.NOTIFIED, says))


@contextmanager
def open_alerts(plan: DetectPlan, near: Path, environ: Mapping[str, str]) -> Iterator[PrometheusAlerts | None]:
    """The alerts that a drill names, while the context lasts; None where it names none. `near` is the drill file's
    folder. Asks nothing yet. PlanError when a login cannot be had, or the webhook's address is taken."""
    if plan.prometheus is None:
        yield None
        return
    with ExitStack() as stack:
        http, secrets = _connected(plan.prometheus, PROMETHEUS, near, environ, stack)
        alertmanager, webhook = None, None
        if plan.alertmanager is not None:
            there, more = _connected(plan.alertmanager, ALERTMANAGER, near, environ, stack)
            alertmanager, secrets = AlertmanagerApi(there), (*secrets, *more)
            if plan.alertmanager.webhook is not None:
                webhook = stack.enter_context(closing(WebhookServer(plan.alertmanager.webhook)))
        source = PrometheusAlerts(plan.prometheus.alerts, PrometheusApi(http), alertmanager, webhook, secrets)
        stack.callback(source.stop_watching)
        yield source


def _connected(
    plan: Connection, name: str, near: Path, environ: Mapping[str, str], stack: ExitStack
) -> tuple[HttpApi, tuple[str, ...]]:
    key = f"detect.{name.lower()}"
    login = login_of(plan, key, near, environ)
    return stack.enter_context(closing(HttpApi(plan.url, login, name=name, key=key))), login.secrets


def _selector(metric: str) -> str:
    escaped = metric.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{__name__="{escaped}"}}'
