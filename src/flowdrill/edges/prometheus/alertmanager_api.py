"""What is asked of an Alertmanager: API v2, reading only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.prometheus.http_api import HttpApi
from flowdrill.model.alerts import LabelMatcher, Labels, Silence
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, as_texts

_ID = re.compile(r"[\w-]{1,64}")
_MOST_MATCHERS = 100


@dataclass(frozen=True, slots=True)
class ReceivedAlert:
    """An alert that Alertmanager has, and what keeps it from people."""

    labels: Labels
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]

    @property
    def kept_back(self) -> bool:
        """Whether nobody is told of it."""
        return bool(self.silenced_by or self.inhibited_by)


@dataclass(frozen=True, slots=True)
class AlertsSeen:
    """The alerts of one name, read between two instants of this host's clock."""

    sent_ns: int
    received_ns: int
    alerts: tuple[ReceivedAlert, ...]


class AlertmanagerApi:
    """Alertmanager's HTTP API v2. Every method raises AlertSourceError."""

    def __init__(self, http: HttpApi) -> None:
        self._http = http

    def alerts(self, name: str) -> AlertsSeen:
        """Return the alerts called `name` that are not resolved."""
        answer = self._http.get("/api/v2/alerts", (("filter", f"alertname={_quoted(name)}"),))
        if not isinstance(answer.body, list):
            raise self._http.strange("does not answer as Alertmanager does")
        return AlertsSeen(answer.sent_ns, answer.received_ns, tuple(map(_alert, as_mappings(answer.body))))

    def silences(self) -> tuple[Silence, ...]:
        """Return the silences that are active."""
        answer = self._http.get("/api/v2/silences")
        if not isinstance(answer.body, list):
            raise self._http.strange("does not answer as Alertmanager does")
        found = as_mappings(answer.body)
        return tuple(_silence(one) for one in found if as_mapping(one.get("status")).get("state") == "active")

    def silence(self, identity: str) -> Silence | None:
        """Return one silence; None when its id is no id."""
        if not _ID.fullmatch(identity):
            return None
        return _silence(as_mapping(self._http.get(f"/api/v2/silence/{identity}").body))


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _alert(alert: dict[str, Any]) -> ReceivedAlert:
    status, labels = as_mapping(alert.get("status")), as_mapping(alert.get("labels"))
    return ReceivedAlert(
        tuple(sorted((name, text) for name, text in labels.items() if isinstance(text, str))),
        tuple(as_texts(status.get("silencedBy"))),
        tuple(as_texts(status.get("inhibitedBy"))),
    )


def _silence(silence: dict[str, Any]) -> Silence:
    matchers = as_mappings(silence.get("matchers"))[:_MOST_MATCHERS]
    return Silence(
        identity=_shown(silence, "id"),
        by=_shown(silence, "createdBy"),
        until=_shown(silence, "endsAt"),
        comment=_shown(silence, "comment"),
        matchers=tuple(
            LabelMatcher(
                label=as_text(one.get("name")) or "",
                text=value if isinstance(value := one.get("value"), str) else "",
                is_regex=one.get("isRegex") is True,
                is_equal=one.get("isEqual") is not False,  # left out by Alertmanagers before 0.22
            )
            for one in matchers
        ),
    )


def _shown(silence: dict[str, Any], key: str) -> str:
    return printable(redact(as_text(silence.get(key)) or ""))
