"""Which alert is the one that the drill wants, and which silence would keep it from people."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.model.alerts import AlertRule, LabelMatcher, Labels, Silence

_MOST_LABELS = 40
_LONGEST_PATTERN, _LONGEST_VALUE, _MOST_REPEATS = 500, 200, 6
_REPEAT = re.compile(r"[*+?{]")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")


def bears(labels: Labels, wanted: Mapping[str, str]) -> bool:
    """Return whether an alert has each of the labels that are wanted."""
    has = dict(labels)
    return all(has.get(name) == value for name, value in wanted.items())


def contradictions(rule: AlertRule, wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return the labels that the rule itself sets to something else than what is wanted, as `severity=ticket`. A label
    that it does not set, or by a template, may come from its expression."""
    sets = _fixed(rule)
    return tuple(f"{name}={sets[name]}" for name, value in wanted.items() if sets.get(name, value) != value)


def known_labels(rule: AlertRule | None, name: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what is known of the labels of the alert that must fire, before it does."""
    return {**(_fixed(rule) if rule is not None else {}), **wanted, "alertname": name}


def asked_of_series(rule: AlertRule, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those of the labels that are wanted that must come from the expression's own series."""
    return {name: value for name, value in wanted.items() if name not in dict(rule.labels)}


def covers(silence: Silence, known: Mapping[str, str]) -> bool | None:
    """Return whether a silence keeps the alert with these labels from people; None when that depends on labels that are
    not known before it fires, or on a pattern that is not tried."""
    answers = [_matches(matcher, known.get(matcher.label)) for matcher in silence.matchers]
    if not answers or False in answers:
        return False
    return None if None in answers else True


def labels_text(labels: Labels) -> str:
    """Return labels as PromQL has them: `{instance="a", severity="page"}`, fit to be shown."""
    shown = ", ".join(f'{name}="{value}"' for name, value in labels[:_MOST_LABELS] if name != "alertname")
    return printable(redact("{" + shown + "}"))


def _fixed(rule: AlertRule) -> dict[str, str]:
    return {name: value for name, value in rule.labels if "{{" not in value}


def _matches(matcher: LabelMatcher, value: str | None) -> bool | None:
    if value is None:
        return None
    same = _fits(matcher.text, value) if matcher.is_regex else matcher.text == value
    return same if same is None else same is matcher.is_equal


def _fits(pattern: str, value: str) -> bool | None:
    """Whether a silence's pattern (RE2, anchored) fits. Python's `re` may take for ever where RE2 does not: a pattern
    that repeats groups, or repeats often, is not tried."""
    too_long = len(pattern) > _LONGEST_PATTERN or len(value) > _LONGEST_VALUE
    if too_long or _REPEATED_GROUP.search(pattern) or len(_REPEAT.findall(pattern)) > _MOST_REPEATS:
        return None
    try:
        return re.fullmatch(pattern, value) is not None
    except (re.error, RecursionError, OverflowError):
        return None
