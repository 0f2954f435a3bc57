"""Looks at Alertmanager's alerts again and again, and tells when those came that must, and who keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowdrill.analysis.alert_labels import bears, labels_text
from flowdrill.edges.prometheus.alertmanager_api import AlertmanagerApi, AlertsSeen, ReceivedAlert
from flowdrill.engine.facts import AckTold, AlertGone, AlertSeen, Tell
from flowdrill.errors import AlertSourceError
from flowdrill.model.alerts import AlertEnd, AlertStage, Silence
from flowdrill.model.detect_plan import AlertPlan
from flowdrill.model.instant import Instant


@dataclass
class _Known:
    """What was told of one alert."""

    since: Instant | None = None  # when it came
    free: bool = False  # whether people are told of it
    strangers: str = ""


class ReceivedWatch:
    """One Alertmanager, watched. `poll` raises AlertSourceError when it does not answer as it must."""

    def __init__(
        self, api: AlertmanagerApi, plans: Mapping[str, AlertPlan], tell: Tell, start_ns: int, *, detects: bool
    ) -> None:
        """`detects`: whether an alert that is here has reached the last stage that the drill sees."""
        self._api, self._plans, self._tell, self._detects = api, plans, tell, detects
        self._quiet_ns = dict.fromkeys(plans, start_ns)  # the last poll's question: what it did not show came later
        self._known = {name: _Known() for name in plans}

    def poll(self) -> None:
        """Ask once, and tell what is new."""
        for name, plan in self._plans.items():
            seen = self._api.alerts(name)
            ours = [one for one in seen.alerts if bears(one.labels, plan.labels)]
            self._tell_strangers(name, [one for one in seen.alerts if one not in ours], seen)
            if ours:
                self._tell_there(name, ours, seen)
            elif self._known[name].since is not None:
                self._known[name] = _Known(strangers=self._known[name].strangers)
                self._tell(AlertGone(seen.received_ns, name, AlertStage.RECEIVED, "Alertmanager has it no longer"))
            self._quiet_ns[name] = seen.sent_ns

    def _tell_there(self, name: str, ours: Sequence[ReceivedAlert], seen: AlertsSeen) -> None:
        known, polled = self._known[name], Instant(self._quiet_ns[name], seen.received_ns)
        free = next((one for one in ours if not one.kept_back), None)
        new = known.since is None
        if free is not None and (new or not known.free):
            says = f"Alertmanager has alert {name}{labels_text(free.labels)}"
            self._tell(AlertSeen(seen.received_ns, name, AlertStage.RECEIVED, polled, self._detects, says))
        elif new:
            says = f"Alertmanager has it, and tells nobody: {labels_text(ours[0].labels)}"
            self._tell(AlertSeen(seen.received_ns, name, AlertStage.RECEIVED, polled, says=says))
        if free is None and (new or known.free):
            self._tell_kept_back(name, ours[0], polled, was_free=known.free)
        known.since, known.free = known.since or polled, free is not None

    def _tell_kept_back(self, name: str, alert: ReceivedAlert, polled: Instant, *, was_free: bool) -> None:
        """A silence for an alert that people were told of is how they say at Alertmanager that they have noticed."""
        silence = self._silence_of(alert)
        says = "silenced" if alert.silenced_by else "inhibited by another alert that fires"
        says = silence.described() if silence is not None else says
        if was_free and alert.silenced_by:
            how = f"alert {name} {says}"
            self._tell(AckTold(polled.latest_ns, polled, (silence and silence.by) or "somebody", how))
        why = AlertEnd.SILENCED if alert.silenced_by else AlertEnd.INHIBITED
        self._tell(AlertGone(polled.latest_ns, name, AlertStage.RECEIVED, says, why))

    def _silence_of(self, alert: ReceivedAlert) -> Silence | None:
        if not alert.silenced_by:
            return None
        try:
            return self._api.silence(alert.silenced_by[0])
        except AlertSourceError:
            return None

    def _tell_strangers(self, name: str, others: Sequence[ReceivedAlert], seen: AlertsSeen) -> None:
        known, told = self._known[name], ", ".join(labels_text(one.labels) for one in others[:3])
        if told and told != known.strangers:
            says = f"an alert of this name came with other labels: {told}"
            self._tell(AlertGone(seen.received_ns, name, AlertStage.RECEIVED, says, AlertEnd.OTHER_LABELS))
        known.strangers = told
