"""Prometheus and Alertmanager in memory: what they say is set, and what an alert goes through is scheduled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flowdrill.engine.facts import AlertGone, AlertSeen, Fact, SourceTold, Tell
from flowdrill.errors import AlertSourceError
from flowdrill.model.alerts import AlertEnd, AlertRule, AlertStage, Silence
from flowdrill.model.detect_plan import AlertPlan
from flowdrill.model.instant import Instant
from tests.fakes.fake_time import FakeTime

EXPRESSION = 'rate(flow_requests_total{outcome="bad"}[1m]) > 0'


class FakeAlerts:
    """The `AlertSource` port over FakeTime. Each alert has a healthy, quiet rule. `away` is raised by whatever asks
    Prometheus, `alertmanager_away` by whatever asks Alertmanager."""

    def __init__(self, time: FakeTime, alerts: Mapping[str, AlertPlan]) -> None:
        self._time = time
        self._tell: Tell | None = None
        self.known_rules = {
            name: AlertRule(name, EXPRESSION, tuple(plan.labels.items()), "ok", "") for name, plan in alerts.items()
        }
        self.metrics = ["flow_requests_total", "up"]
        self.wrong_queries: dict[str, str] = {}  # PromQL -> what is said against it
        self.holding: set[str] = set()  # PromQL that has a value now
        self.known_alertmanagers = ("http://alertmanager/api/v2/alerts",)
        self.known_silences: tuple[Silence, ...] = ()
        self.received: tuple[str, ...] = ()
        self.away: AlertSourceError | None = None
        self.alertmanager_away: AlertSourceError | None = None

    @property
    def watching(self) -> bool:
        return self._tell is not None

    def rules(self) -> tuple[AlertRule, ...]:
        self._ask()
        return tuple(self.known_rules.values())

    def problem_of(self, query: str) -> str | None:
        self._ask()
        return self.wrong_queries.get(query)

    def holds(self, query: str) -> bool:
        self._ask()
        return query in self.holding

    def without_series(self, metrics: Sequence[str]) -> tuple[str, ...]:
        self._ask()
        return tuple(name for name in metrics if name not in self.metrics)

    def metric_names(self) -> tuple[str, ...]:
        self._ask()
        return tuple(self.metrics)

    def alertmanagers(self) -> tuple[str, ...]:
        self._ask()
        return self.known_alertmanagers

    def already_received(self) -> tuple[str, ...]:
        self._ask_alertmanager()
        return self.received

    def silences(self) -> tuple[Silence, ...]:
        self._ask_alertmanager()
        return self.known_silences

    def start_watching(self, tell: Tell) -> None:
        self._tell = tell

    def stop_watching(self) -> None:
        self._tell = None

    def reach(
        self, alert: str, stage: AlertStage, after_seconds: float, *, detects: bool = False, width_ns: int = 0
    ) -> None:
        """Have an alert reach a stage, so many seconds from now."""

        def told(now_ns: int) -> Fact:
            return AlertSeen(now_ns, alert, stage, Instant(now_ns - width_ns, now_ns), detects)

        self._later(after_seconds, told)

    def end(
        self, alert: str, stage: AlertStage, after_seconds: float, says: str, why: AlertEnd = AlertEnd.RESOLVED
    ) -> None:
        """Have something be told against an alert."""
        self._later(after_seconds, lambda now_ns: AlertGone(now_ns, alert, stage, says, why))

    def go(self, after_seconds: float, problem: str | None, source: str = "Prometheus") -> None:
        """Have a source go away, or come back (None)."""
        self._later(after_seconds, lambda now_ns: SourceTold(now_ns, source, problem))

    def _later(self, after_seconds: float, fact: Callable[[int], Fact]) -> None:
        def tell() -> None:
            if self._tell is not None:
                self._tell(fact(self._time.now_ns()))

        self._time.after(after_seconds, tell)

    def _ask(self) -> None:
        if self.away is not None:
            raise self.away

    def _ask_alertmanager(self) -> None:
        if self.alertmanager_away is not None:
            raise self.alertmanager_away
