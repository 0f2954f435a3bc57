"""The team's alerts in words: one vocabulary for every format."""

from __future__ import annotations

from flowdrill.model.alerts import AlertStage
from flowdrill.model.noticed import AlertFact, AlertStageFact
from flowdrill.model.quantity import format_seconds

STAGE_WORDS = {
    AlertStage.SAMPLED: "first bad sample scraped",
    AlertStage.PENDING: "rule pending",
    AlertStage.FIRING: "rule firing",
    AlertStage.RECEIVED: "at Alertmanager",
    AlertStage.NOTIFIED: "notification delivered",
}


def since_words(fact: AlertStageFact) -> str:
    """Return how long after the failure began a stage was reached, with its bounds."""
    measure = fact.since_impact
    if measure is None:
        return "–"
    bounds = f"between {format_seconds(measure.earliest)} and {format_seconds(measure.latest)}"
    return f"{format_seconds(measure.seconds)} ({bounds})"


def alert_sentence(fact: AlertFact) -> str:
    """Return an alert's way in one sentence."""
    reached = [
        f"{STAGE_WORDS[one.stage]} after {format_seconds(one.since_impact.seconds)}"
        if one.since_impact is not None
        else STAGE_WORDS[one.stage]
        for one in fact.stages
    ]
    told = f" ({'; '.join(fact.told)})" if fact.told else ""
    return f"Alert {fact.alert}: {', '.join(reached) or 'no stage was seen'}{told}."
