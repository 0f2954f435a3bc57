"""The way of an alert, from the first bad sample to the people it is for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PROMETHEUS, ALERTMANAGER = "Prometheus", "Alertmanager"
ALERT_SOURCES = frozenset({PROMETHEUS, ALERTMANAGER})  # the sources without which nothing is known of alerts


class AlertStage(StrEnum):
    """The stages of an alert, in the order in which they are reached."""

    SAMPLED = "sampled"  # the first sample that shows the failure was scraped
    PENDING = "pending"  # the rule's condition holds, and its `for` has begun
    FIRING = "firing"
    RECEIVED = "received"  # Alertmanager has it
    NOTIFIED = "notified"  # Alertmanager's notification was delivered


class AlertEnd(StrEnum):
    """Why an alert is not, or no longer, on its way to people."""

    RESOLVED = "resolved"  # its condition does not hold any more
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    OTHER_LABELS = "other labels"  # it is an alert of this name that fires, and not the one that the drill wants
    RULE_FAILED = "rule failed"  # Prometheus cannot evaluate the rule


Labels = tuple[tuple[str, str], ...]  # (name, value), in the order of names


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert of a rule that is pending or firing."""

    labels: Labels
    firing: bool
    since_ns: int | None  # activeAt, in UTC nanoseconds of the server's clock


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting rule as Prometheus has it."""

    name: str
    expression: str
    labels: Labels
    health: str  # ok, err, unknown
    last_error: str
    active: tuple[ActiveAlert, ...] = ()
    evaluated_ns: int | None = None  # when it was last evaluated, in UTC nanoseconds of the server's clock
    for_seconds: float = 0.0  # how long its condition must hold


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition of a silence on a label's value."""

    label: str
    text: str
    is_regex: bool
    is_equal: bool  # False: the value must be another one, or not match


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that is active."""

    identity: str
    by: str
    until: str
    comment: str
    matchers: tuple[LabelMatcher, ...]

    def described(self) -> str:
        """Return who silences, and until when: `silenced by ops until 2026-01-31T12:00:00Z ("deploying")`."""
        comment = f' ("{self.comment}")' if self.comment else ""
        return f"silenced by {self.by or 'somebody'} until {self.until or 'no known time'}{comment}"
