"""Alertmanager's webhook payload, version 4. It comes from the network: whatever is not as it must be is no alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.edges.prometheus.stamps import stamp_ns
from flowdrill.model.alerts import Labels
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text
from flowdrill.model.json_text import parsed_json

_MOST_ALERTS = 1000


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """One alert of a notification."""

    name: str
    labels: Labels
    firing: bool
    since_ns: int | None = None  # since when it fires, in UTC nanoseconds of Prometheus' clock


@dataclass(frozen=True, slots=True)
class Notification:
    """What Alertmanager tells a receiver."""

    receiver: str
    alerts: tuple[NotifiedAlert, ...]


def notification_of(body: bytes) -> Notification | None:
    """Return the notification that a request brings; None when it is none of version 4."""
    try:
        payload = as_mapping(parsed_json(body))
    except ValueError:
        return None
    if payload.get("version") != "4" or not isinstance(payload.get("alerts"), list):
        return None
    alerts = []
    for one in as_mappings(payload["alerts"])[:_MOST_ALERTS]:
        labels = {name: text for name, text in as_mapping(one.get("labels")).items() if isinstance(text, str)}
        name = labels.get("alertname")
        if name:
            alerts.append(_alert(name, labels, one))
    return Notification(printable(as_text(payload.get("receiver")) or ""), tuple(alerts))


def _alert(name: str, labels: dict[str, str], one: dict[str, Any]) -> NotifiedAlert:
    since_ns = stamp_ns(one.get("startsAt"))
    return NotifiedAlert(name, tuple(sorted(labels.items())), one.get("status") == "firing", since_ns)
