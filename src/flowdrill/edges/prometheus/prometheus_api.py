"""What is asked of a Prometheus, or of what has its API: Thanos, Mimir."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.alert_clock import MILLISECOND_NS, ClockReading
from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.prometheus.http_api import Answer, HttpApi
from flowdrill.edges.prometheus.stamps import stamp_ms, stamp_ns
from flowdrill.errors import QueryRefusedError
from flowdrill.model.alerts import ActiveAlert, AlertRule, Labels
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, as_texts, inside

_LONGEST_FOR_SECONDS = 1e9
_MOST_ACTIVE = 1000  # alerts of one rule that are looked at


@dataclass(frozen=True, slots=True)
class Series:
    """A series of an answer: its labels, and when it has samples, in UTC milliseconds of the server's clock."""

    labels: Labels
    at_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RulesSeen:
    """The alerting rules, read between two instants of this host's clock."""

    sent_ns: int
    received_ns: int
    rules: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True)
class FiringSeen:
    """The labels of every alert that fires, read between two instants of this host's clock."""

    sent_ns: int
    received_ns: int
    alerts: tuple[Labels, ...]


class PrometheusApi:
    """Prometheus' HTTP API v1. Every method raises AlertSourceError."""

    def __init__(self, http: HttpApi) -> None:
        self._http = http

    def clock(self) -> ClockReading:
        """Return what time it is there. A server that has no time of its own for a query has no clock."""
        answer = self._data("query", ("query", "time()"))
        result = inside(answer.body, "data").get("result")
        at_ms = stamp_ms(result[0]) if isinstance(result, list) and result else None
        if at_ms is None:
            raise self._http.strange("does not say what time it is there")
        return ClockReading(answer.sent_ns, answer.received_ns, at_ms * MILLISECOND_NS)

    def rules(self, names: Sequence[str] = ()) -> RulesSeen:
        """Return the alerting rules; with `names` at least those."""
        answer = self._data("rules", ("type", "alert"), *(("rule_name[]", name) for name in names))
        groups = inside(answer.body, "data").get("groups")
        if not isinstance(groups, list):  # else it would look as if no alert fired
            raise self._http.strange("does not answer with groups of rules")
        rules = [
            rule
            for group in as_mappings(groups)
            for rule in map(_rule, as_mappings(group.get("rules")))
            if rule is not None
        ]
        return RulesSeen(answer.sent_ns, answer.received_ns, tuple(rules))

    def firing(self) -> FiringSeen:
        """Return the labels of every alert that fires."""
        answer = self._data("alerts")
        alerts = inside(answer.body, "data").get("alerts")
        if not isinstance(alerts, list):  # else it would look as if none fired
            raise self._http.strange("does not answer with alerts")
        found = (_active(one) for one in as_mappings(alerts))
        return FiringSeen(answer.sent_ns, answer.received_ns, tuple(one.labels for one in found if one and one.firing))

    def now(self, query: str) -> tuple[Series, ...]:
        """Return the series that a PromQL has now; QueryRefusedError when it is none, or gives no series."""
        answer = self._data("query", ("query", query))
        data = inside(answer.body, "data")
        if data.get("resultType") not in ("vector", "matrix"):
            kind = printable(str(data.get("resultType")))
            raise QueryRefusedError(f"it gives a {kind}, and no series", "write a query whose series say it")
        return _series(data)

    def over(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> tuple[Series, ...]:
        """Return the series of a PromQL, evaluated every `step_ms` from start to end, both included."""
        times = (("start", _seconds(start_ms)), ("end", _seconds(end_ms)), ("step", _seconds(step_ms)))
        return _series(inside(self._data("query_range", ("query", query), *times).body, "data"))

    def metric_names(self) -> tuple[str, ...]:
        """Return the names of all metrics."""
        return tuple(as_texts(as_mapping(self._data("label/__name__/values").body).get("data")))

    def alertmanagers(self) -> tuple[str, ...]:
        """Return the URLs of the Alertmanagers that alerts are sent to."""
        found = as_mappings(inside(self._data("alertmanagers").body, "data").get("activeAlertmanagers"))
        return tuple(printable(url) for one in found if (url := as_text(one.get("url"))))

    def _data(self, what: str, *query: tuple[str, str]) -> Answer:
        answer = self._http.get(f"/api/v1/{what}", query)
        if as_mapping(answer.body).get("status") != "success":
            raise self._http.strange("does not answer as Prometheus does")
        return answer


def _rule(rule: dict[str, Any]) -> AlertRule | None:
    name, expression = as_text(rule.get("name")), as_text(rule.get("query"))
    if name is None or expression is None or rule.get("type", "alerting") != "alerting":
        return None
    active = (_active(one) for one in as_mappings(rule.get("alerts"))[:_MOST_ACTIVE])
    return AlertRule(
        name=name,
        expression=expression,
        labels=_labels(rule.get("labels")),
        health=as_text(rule.get("health")) or "unknown",
        last_error=printable(redact(as_text(rule.get("lastError")) or "")),
        active=tuple(one for one in active if one is not None),
        evaluated_ns=stamp_ns(rule.get("lastEvaluation")),
        for_seconds=_duration(rule.get("duration")),
    )


def _duration(value: object) -> float:
    """Seconds; 0 where there are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < _LONGEST_FOR_SECONDS else 0.0


def _active(alert: dict[str, Any]) -> ActiveAlert | None:
    if alert.get("state") not in ("pending", "firing"):
        return None
    return ActiveAlert(_labels(alert.get("labels")), alert["state"] == "firing", stamp_ns(alert.get("activeAt")))


def _labels(value: object) -> Labels:
    return tuple(sorted((name, text) for name, text in as_mapping(value).items() if isinstance(text, str)))


def _series(data: dict[str, Any]) -> tuple[Series, ...]:
    found = []
    for one in as_mappings(data.get("result")):
        samples = one.get("values") if "values" in one else [one.get("value")]
        stamps = (
            (stamp_ms(sample[0]) for sample in samples if isinstance(sample, list) and sample)
            if isinstance(samples, list)
            else ()
        )
        found.append(Series(_labels(one.get("metric")), tuple(at for at in stamps if at is not None)))
    return tuple(found)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
