"""Looks at every alert of a Prometheus again and again: is there one that fires and is not the drill's?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from flowdrill.analysis.alert_labels import bears, labels_text
from flowdrill.analysis.printable import printable
from flowdrill.edges.prometheus.poller import Poller
from flowdrill.edges.prometheus.prometheus_api import PrometheusApi
from flowdrill.engine.facts import Fact, LookTold, OutsideAlertsSeen, SourceTold, Tell
from flowdrill.model.alerts import Labels
from flowdrill.model.detect_plan import AlertPlan
from flowdrill.model.limits_plan import LimitName

_EVERY_SECONDS = 1.0
_MOST_ALERTS = 5000  # that are kept apart; with more, those of the first labels in order
_LONGEST_ALERT = 300  # characters


class OutsideAlerts:
    """A `Source` of the alerts that fire and are neither the drill's nor allowed."""

    def __init__(
        self, api: PrometheusApi, plans: Mapping[str, AlertPlan], allowed: Collection[str],
        every_seconds: float = _EVERY_SECONDS,
    ) -> None:  # fmt: skip
        """`plans`: the drill's own, by name. `allowed`: names of others that may fire."""
        self._api, self._plans, self._allowed = api, plans, frozenset(allowed)
        self._every_seconds = every_seconds
        self._poller: Poller | None = None

    def start_watching(self, tell: Tell) -> None:
        """From now on tell which ones fire."""
        look = _Look(self._api, self._is_outside, tell)
        self._poller = Poller("alerts outside the drill", look.poll, look.source_told, self._every_seconds)
        self._poller.start()

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.stop()

    def _is_outside(self, labels: Labels) -> bool:
        """An alert with the name of one of the drill's, and other labels, is somebody else's."""
        name = dict(labels).get("alertname", "")
        plan = self._plans.get(name)
        return name not in self._allowed and (plan is None or not bears(labels, plan.labels))


class _Look:
    """One Prometheus, looked at."""

    def __init__(self, api: PrometheusApi, is_outside: Callable[[Labels], bool], tell: Tell) -> None:
        self._api, self._is_outside, self._tell = api, is_outside, tell
        self._told: frozenset[str] | None = None

    def poll(self) -> None:
        """Ask once, and tell what is new; AlertSourceError when it does not answer as it must."""
        seen = self._api.firing()
        outside = sorted(labels for labels in seen.alerts if self._is_outside(labels))[:_MOST_ALERTS]
        firing = frozenset(map(_words, outside))
        if self._told is None:
            self._tell(LookTold(seen.received_ns, LimitName.ALERTS, None))
        if firing != self._told:
            self._told = firing
            self._tell(OutsideAlertsSeen(seen.received_ns, seen.sent_ns, firing))

    def source_told(self, fact: Fact) -> None:
        """Pass on that Prometheus is away, or back, as what it means for the limit."""
        if isinstance(fact, SourceTold):
            self._tell(LookTold(fact.arrived_ns, LimitName.ALERTS, fact.problem))


def _words(labels: Labels) -> str:
    return printable(f"{dict(labels).get('alertname', '')}{labels_text(labels)}"[:_LONGEST_ALERT])
