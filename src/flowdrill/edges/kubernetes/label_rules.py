"""Whether labels are what a selector asks for. Pure."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Json
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_texts


def selects(selector: object, labels: Json) -> bool:
    """Return whether a label selector holds: an empty one always, one that is missing never."""
    if not isinstance(selector, dict):
        return False
    if any(labels.get(key) != value for key, value in as_mapping(selector.get("matchLabels")).items()):
        return False
    return all(rule_holds(rule, labels) for rule in as_mappings(selector.get("matchExpressions")))


def rule_holds(rule: Json, labels: Json) -> bool:
    """Return whether a requirement (key, operator, values) holds. One whose operator compares numbers is taken to."""
    key, values = str(rule.get("key")), as_texts(rule.get("values"))
    there, value = key in labels, labels.get(key)
    return {
        "In": there and value in values,
        "NotIn": not there or value not in values,
        "Exists": there,
        "DoesNotExist": not there,
    }.get(str(rule.get("operator")), True)
