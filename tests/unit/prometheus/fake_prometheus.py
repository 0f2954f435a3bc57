"""Prometheus and Alertmanager as their answers: one alert whose life is set by hand, over a loopback server."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.unit.prometheus.fake_server import FakeServer, Query, bad_data, ok


def utc(seconds: float) -> str:
    whole, fraction = divmod(seconds, 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{round(fraction * 1e9):09d}Z"


@dataclass
class FakePrometheus:
    """The answers of a Prometheus whose clock is `ahead_seconds` ahead, to be laid into a `FakeServer`."""

    ahead_seconds: float = 0.0
    alerts: list[dict[str, Any]] = field(default_factory=list)  # of the rule FlowFailing
    rule: dict[str, Any] = field(default_factory=dict)  # fields of it to change
    holds_from: float | None = None  # since when the expression has a value, by Prometheus' clock
    firing_samples: list[float] = field(default_factory=list)
    metrics: list[str] = field(default_factory=lambda: ["flow_requests_total"])
    alertmanagers: list[str] = field(default_factory=lambda: ["http://alertmanager/api/v2/alerts"])
    others: list[dict[str, Any]] = field(default_factory=list)  # alerts of other rules
    received: list[dict[str, Any]] = field(default_factory=list)
    silences: list[dict[str, Any]] = field(default_factory=list)

    def now(self) -> float:
        return time.time() + self.ahead_seconds

    def set(self, state: str | None, since: float | None = None, **labels: str) -> None:
        """Make the alert pending or firing, or quiet (None)."""
        bears = {"alertname": "FlowFailing", "severity": "page", **labels}
        self.alerts = [] if state is None else [{"labels": bears, "state": state, "activeAt": utc(since or self.now())}]

    def serve_on(self, server: FakeServer, prefix: str = "") -> None:
        server.answers |= {
            f"{prefix}/api/v1/rules": lambda _: ok({"groups": [{"rules": [self._rule(), {"type": "recording"}]}]}),
            f"{prefix}/api/v1/alerts": lambda _: ok({"alerts": [*self.alerts, *self.others]}),
            f"{prefix}/api/v1/query": self._query,
            f"{prefix}/api/v1/query_range": self._range,
            f"{prefix}/api/v1/label/__name__/values": lambda _: ok(self.metrics),
            f"{prefix}/api/v1/alertmanagers": lambda _: ok(
                {"activeAlertmanagers": [{"url": url} for url in self.alertmanagers]}
            ),
            f"{prefix}/api/v2/alerts": lambda _: self.received,
            f"{prefix}/api/v2/silences": lambda _: self.silences,
            f"{prefix}/api/v2/silence/s-1": lambda _: self.silences[0],
        }

    def _rule(self) -> dict[str, Any]:
        return {
            "type": "alerting", "name": "FlowFailing", "query": "flow_bad > 0", "labels": {"severity": "page"},
            "health": "ok", "lastError": "", "alerts": self.alerts,
            "lastEvaluation": "0001-01-01T00:00:00Z", **self.rule,
        }  # fmt: skip

    def _query(self, query: Query) -> Any:
        text, now = query["query"], self.now()
        if text == "time()":
            return ok({"resultType": "scalar", "result": [int(now * 1000) / 1000, str(now)]})
        if text.startswith("ALERTS"):
            samples = [[at, "1"] for at in self.firing_samples]
            series = [{"metric": {"alertname": "FlowFailing", "severity": "page"}, "values": samples}]
            return ok({"resultType": "matrix", "result": series if samples else []})
        if text.startswith("count("):
            there = any(f'"{name}"' in text for name in self.metrics)
            return ok({"resultType": "vector", "result": [{"metric": {}, "value": [now, "1"]}] if there else []})
        if text == "1":
            return ok({"resultType": "scalar", "result": [now, "1"]})
        if text == "rate(":
            return bad_data("parse error: unclosed left parenthesis")
        holds = self.holds_from is not None and now >= self.holds_from
        return ok({"resultType": "vector", "result": [{"metric": {}, "value": [now, "1"]}] if holds else []})

    def _range(self, query: Query) -> Any:
        start, end, step = (round(float(query[name]) * 1000) for name in ("start", "end", "step"))
        since = round((self.holds_from or 0) * 1000) if self.holds_from is not None else end + 1
        values = [[at / 1000, "1"] for at in range(start, end + 1, step) if at >= since]
        return ok({"resultType": "matrix", "result": [{"metric": {}, "values": values}] if values else []})
