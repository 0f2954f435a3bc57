"""Where an alert stands, by the rules of one answer of Prometheus'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowdrill.analysis.alert_labels import bears, contradictions, labels_text
from flowdrill.model.alerts import AlertRule, AlertStage, Labels


@dataclass(frozen=True, slots=True)
class Standing:
    """One alert that must fire: pending, firing, or neither (`stage` None)."""

    stage: AlertStage | None
    since_ns: int | None  # when it became pending, by the server's clock
    evaluated_ns: int | None
    labels: Labels  # of the one that came first
    strangers: str  # alerts of the same name that fire with other labels than those wanted; "" for none
    error: str  # why the rule cannot be evaluated; "" when it can
    rule: AlertRule | None


def standing(rules: Sequence[AlertRule], name: str, wanted: Mapping[str, str]) -> Standing:
    """Return where the alert stands. Of several rules of its name, those that set other labels do not count."""
    named = [rule for rule in rules if rule.name == name]
    meant = [rule for rule in named if not contradictions(rule, wanted)]
    ours = [(one, rule) for rule in meant for one in rule.active if bears(one.labels, wanted)]
    strangers = [one for rule in named for one in rule.active if one.firing and not bears(one.labels, wanted)]
    firing = [pair for pair in ours if pair[0].firing]
    stage = AlertStage.FIRING if firing else AlertStage.PENDING if ours else None
    first = min(firing or ours, key=lambda pair: pair[0].since_ns or 0, default=None)
    rule = first[1] if first is not None else meant[0] if meant else None
    return Standing(
        stage=stage,
        since_ns=first[0].since_ns if first is not None else None,
        evaluated_ns=rule.evaluated_ns if rule is not None else None,
        labels=first[0].labels if first is not None else (),
        strangers=", ".join(labels_text(one.labels) for one in strangers[:3]),
        error=rule.last_error if rule is not None and rule.health == "err" else "",
        rule=rule,
    )
