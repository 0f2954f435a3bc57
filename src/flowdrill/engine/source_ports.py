"""The ports of whoever tells facts beside the load and the watch: alerts, people, who looks around, the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flowdrill.engine.facts import Tell
from flowdrill.model.alerts import AlertRule, Silence
from flowdrill.model.audited_change import AuditedChange


class Source(Protocol):
    """What tells facts beside the load and the workload's watch: alerts, people, and who suffers around the drill."""

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is seen. Raises nothing: what is away is told."""
        ...

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        ...


class AuditTrail(Protocol):
    """The API server's own record of who has changed the workload."""

    def begin(self) -> None:
        """Look only at what is written from now on. Raises nothing."""
        ...

    def changes(self) -> tuple[AuditedChange, ...]:
        """Return every accepted change of the workload since then by anybody but flowdrill, oldest first, as far as it
        is written by now. Raises nothing: what cannot be read is not there."""
        ...


class AlertSource(Source, Protocol):
    """A Prometheus with the alerts that must fire, and the Alertmanager they must get to. But for what a source does,
    every method raises AlertSourceError, and AlertSourceAwayError where there was no answer."""

    def rules(self) -> tuple[AlertRule, ...]:
        """Return every alerting rule that Prometheus has."""
        ...

    def problem_of(self, query: str) -> str | None:
        """Return what Prometheus says against a PromQL, or that its answer is no vector; None when it is one."""
        ...

    def holds(self, query: str) -> bool:
        """Return whether a PromQL has a value now."""
        ...

    def without_series(self, metrics: Sequence[str]) -> tuple[str, ...]:
        """Return those of the metrics that have no series now."""
        ...

    def metric_names(self) -> tuple[str, ...]:
        """Return the names of all metrics that there are, as many as one answer may hold."""
        ...

    def alertmanagers(self) -> tuple[str, ...]:
        """Return the URLs of the Alertmanagers that Prometheus sends alerts to."""
        ...

    def already_received(self) -> tuple[str, ...]:
        """Return those of the drill's alerts that Alertmanager has now, by their names."""
        ...

    def silences(self) -> tuple[Silence, ...]:
        """Return the active silences of the Alertmanager that the drill names."""
        ...
