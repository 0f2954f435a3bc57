"""Looks at Prometheus' rules again and again, and tells the stages of the alerts that must fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowdrill.analysis.alert_clock import MILLISECOND_NS, ServerClock, agreed
from flowdrill.analysis.alert_labels import asked_of_series, bears, labels_text
from flowdrill.analysis.alert_standing import Standing, standing
from flowdrill.edges.prometheus.first_sample import first_sample_ms
from flowdrill.edges.prometheus.prometheus_api import PrometheusApi, RulesSeen
from flowdrill.engine.facts import AlertGone, AlertSeen, Tell
from flowdrill.errors import AlertSourceError, QueryRefusedError
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.detect_plan import AlertPlan
from flowdrill.model.instant import NS_PER_SECOND, Instant

_BACK = "5m"  # how far back the alert's own samples are asked for
_LOOK_NS = NS_PER_SECOND  # how often the clock is read, and the first sample looked for: it costs an evaluation


@dataclass
class _Known:
    """What was told of one alert."""

    stage: AlertStage | None = None
    sampled: Instant | None = None
    strangers: str = ""
    error: str = ""


class RuleWatch:
    """One Prometheus, watched. `poll` raises AlertSourceError when it does not answer as it must."""

    def __init__(
        self, api: PrometheusApi, plans: Mapping[str, AlertPlan], tell: Tell, start_ns: int, *, fires: bool
    ) -> None:
        """`fires`: whether an alert that fires has reached the last stage that the drill sees."""
        self._api, self._plans, self._tell = api, plans, tell
        self._detects = fires
        self._start_ns = start_ns
        self._quiet_ns = start_ns  # the last poll's question: what it did not show came later
        self._next_look_ns = start_ns
        self._clock = ServerClock()
        self._known = {name: _Known() for name in plans}

    def poll(self) -> None:
        """Ask once, and tell what is new."""
        seen = self._api.rules(tuple(self._plans))
        look = seen.received_ns >= self._next_look_ns
        if look:
            self._next_look_ns = seen.received_ns + _LOOK_NS
            self._clock.take(self._api.clock())
        for name, plan in self._plans.items():
            there = standing(seen.rules, name, plan.labels)
            self._tell_strangers(name, there, seen)
            began = self._tell_stage(name, plan, there, seen)
            if began or (look and there.stage is None):
                self._look_for_sample(name, plan, there, seen)
        self._quiet_ns = seen.sent_ns

    def is_over(self, since_ns: int | None) -> bool:
        """Return whether an alert that fires since `since_ns`, by Prometheus' clock, did so before the watching: then
        what comes of it is late. From any thread."""
        here = self._here(since_ns)
        return here is not None and here.latest_ns < self._start_ns

    def _tell_stage(self, name: str, plan: AlertPlan, there: Standing, seen: RulesSeen) -> bool:
        """Return whether it has just begun."""
        known, polled = self._known[name], Instant(self._quiet_ns, seen.received_ns)
        if there.stage is known.stage:
            return False
        before, known.stage = known.stage, there.stage
        if there.stage is None:
            says = "no longer fires" if before is AlertStage.FIRING else "its condition no longer holds"
            self._tell(AlertGone(seen.received_ns, name, before or AlertStage.PENDING, says))
            known.sampled = None
            return False
        if before is None:
            pending = agreed((self._here(there.since_ns),), polled)
            says = f"its condition holds: {labels_text(there.labels)}"
            self._tell(AlertSeen(seen.received_ns, name, AlertStage.PENDING, pending, says=says))
        if there.stage is AlertStage.FIRING:
            fired = agreed((*self._firing_samples(name, plan), self._here(there.evaluated_ns)), polled)
            says = f"alert {name}{labels_text(there.labels)} fires"
            self._tell(AlertSeen(seen.received_ns, name, AlertStage.FIRING, fired, self._detects, says))
        return before is None

    def _tell_strangers(self, name: str, there: Standing, seen: RulesSeen) -> None:
        known = self._known[name]
        if there.strangers and there.strangers != known.strangers:
            says = f"an alert of this name fires with other labels: {there.strangers}"
            self._tell(AlertGone(seen.received_ns, name, AlertStage.FIRING, says, AlertEnd.OTHER_LABELS))
        error = f"the rule cannot be evaluated: {there.error}" if there.error else ""
        if there.rule is None and not there.strangers:
            error = "Prometheus has no such rule any more"
        if error and error != known.error:
            self._tell(AlertGone(seen.received_ns, name, AlertStage.PENDING, error, AlertEnd.RULE_FAILED))
        known.strangers, known.error = there.strangers, error

    def _look_for_sample(self, name: str, plan: AlertPlan, there: Standing, seen: RulesSeen) -> None:
        """Tell when the first bad sample was scraped, where it is there."""
        query = plan.sample or (there.rule.expression if there.rule is not None else None)
        if query is None:
            return
        wanted = {} if plan.sample or there.rule is None else asked_of_series(there.rule, plan.labels)
        known = self._known[name]
        try:
            end_ms = self._holds_at_ms(query, wanted) if there.since_ns is None else there.since_ns // MILLISECOND_NS
            if end_ms is None:
                known.sampled = None  # it held for a moment only
            elif known.sampled is None or there.stage is not None:
                self._tell_sample(name, self._began(query, wanted, end_ms), seen)
        except QueryRefusedError:  # preflight has said so, or the answer would be too large: a stage is left out
            return

    def _tell_sample(self, name: str, found: Instant | None, seen: RulesSeen) -> None:
        known = self._known[name]
        if found is not None and (known.sampled is None or _apart(found, known.sampled)):
            known.sampled = found
            self._tell(AlertSeen(seen.received_ns, name, AlertStage.SAMPLED, found))

    def _began(self, query: str, wanted: Mapping[str, str], end_ms: int) -> Instant | None:
        """When the stretch began in which the query holds at `end_ms`."""
        start_ms = self._clock.server_ms(self._start_ns)
        found = first_sample_ms(self._api, query, wanted, start_ms, end_ms) if start_ms is not None else None
        if found is None:
            return None
        before, first = (self._here(at_ms * MILLISECOND_NS) for at_ms in found)
        return None if before is None or first is None else Instant(before.earliest_ns, first.latest_ns)

    def _holds_at_ms(self, query: str, wanted: Mapping[str, str]) -> int | None:
        """When the query was seen to hold, by the server's clock; None when it does not."""
        return max((at for one in self._api.now(query) if bears(one.labels, wanted) for at in one.at_ms), default=None)

    def _firing_samples(self, name: str, plan: AlertPlan) -> tuple[Instant | None, ...]:
        """When Prometheus has written down that the alert fires. It does so at the end of an evaluation: a moment later
        than its rules say so."""
        selector = f'ALERTS{{alertname={_quoted(name)},alertstate="firing"}}[{_BACK}]'
        try:
            series = self._api.now(selector)
        except AlertSourceError:  # what is known already is told all the same
            return ()
        stamps = {at for one in series if bears(one.labels, plan.labels) for at in one.at_ms}
        return tuple(self._here(at_ms * MILLISECOND_NS) for at_ms in sorted(stamps))

    def _here(self, server_ns: int | None) -> Instant | None:
        return None if server_ns is None else self._clock.here(server_ns)


def _apart(one: Instant, other: Instant) -> bool:
    return one.latest_ns < other.earliest_ns or other.latest_ns < one.earliest_ns


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
