"""Label and field selectors, parsed and applied."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.status_error import bad_request

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_FORMS = (  # one requirement each, up to the next comma
    (re.compile(rf"\s*!\s*(?P<key>{_KEY})\s*(?:,|$)"), "DoesNotExist"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s*(?:,|$)"), "Exists"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s*!=\s*(?P<value>{_VALUE})\s*(?:,|$)"), "NotIn"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s*==?\s*(?P<value>{_VALUE})\s*(?:,|$)"), "In"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s+in\s*\((?P<values>[^()]*)\)\s*(?:,|$)"), "In"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s+notin\s*\((?P<values>[^()]*)\)\s*(?:,|$)"), "NotIn"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s*>\s*(?P<value>-?[0-9]{{1,63}})\s*(?:,|$)"), "Gt"),
    (re.compile(rf"\s*(?P<key>{_KEY})\s*<\s*(?P<value>-?[0-9]{{1,63}})\s*(?:,|$)"), "Lt"),
)
_ALWAYS_SELECTABLE = frozenset({"metadata.name", "metadata.namespace"})
_SELECTABLE = {
    "Pod": {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
            "status.podIP", "status.nominatedNodeName"},
    "Event": {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
              "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
              "reportingComponent", "source", "type"},
    "Namespace": {"status.phase"},
    "Node": {"spec.unschedulable"},
    "Secret": {"type"},
    "ReplicaSet": {"status.replicas"},
    "Service": {"spec.clusterIP", "spec.type"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement on a label."""

    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist, Gt, Lt
    values: tuple[str, ...] = ()

    def holds(self, labels: Json) -> bool:
        """Return whether labels meet the requirement. A label that is missing is not in any set."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        if value is None or self.operator not in ("Gt", "Lt") or not re.fullmatch(r"-?[0-9]{1,63}", str(value)):
            return False
        return int(value) > int(self.values[0]) if self.operator == "Gt" else int(value) < int(self.values[0])


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that all must hold; none selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Json | None) -> bool:
        """Return whether an object with these labels is selected."""
        return all(one.holds(labels or {}) for one in self.requirements)


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """`metadata.name=a,status.phase!=Running`: (path, equal?, value), all of which must hold."""

    requirements: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, value: Json) -> bool:
        """Return whether an object is selected. A field that is missing is the empty text."""
        return all((_field(value, path) == wanted) is equal for path, equal, wanted in self.requirements)


def parse_label_selector(text: str) -> LabelSelector:
    """Parse `a=b,c in (d,e),!f`; StatusError 400 for anything else."""
    requirements = []
    rest = text.strip()
    while rest:
        for form, operator in _FORMS:
            found = form.match(rest)
            if found:
                requirements.append(Requirement(found["key"], operator, _values(found)))
                rest = rest[found.end() :]
                break
        else:
            raise bad_request(f"unable to parse requirement: found {rest[:60]!r} in label selector {text[:200]!r}")
    return LabelSelector(tuple(requirements))


def label_selector_of(value: Json | None) -> LabelSelector:
    """Return the selector of a `spec.selector` with matchLabels and matchExpressions; an empty one selects everything.
    What is malformed selects nothing."""
    if value is None:
        return LabelSelector((Requirement("", "In"),))
    labels, expressions = value.get("matchLabels") or {}, value.get("matchExpressions") or ()
    return LabelSelector(
        (
            *(Requirement(str(key), "In", (str(wanted),)) for key, wanted in labels.items()),
            *(
                Requirement(str(one.get("key")), str(one.get("operator")), tuple(map(str, one.get("values") or ())))
                for one in expressions
            ),
        )
    )


def parse_field_selector(text: str, kind: str) -> FieldSelector:
    """Parse a field selector; StatusError 400 for a field this kind cannot be selected by."""
    requirements = []
    for term in filter(None, text.split(",")):
        found = re.fullmatch(r"(?P<path>[\w.]+)(?P<operator>!=|==|=)(?P<value>.*)", term.strip())
        if found is None:
            raise bad_request(f"invalid selector: {text[:200]!r}; can't understand {term[:60]!r}")
        path = found["path"]
        if path not in _ALWAYS_SELECTABLE and path not in _SELECTABLE.get(kind, ()):
            raise bad_request(f"field label not supported: {path}")
        requirements.append((path, found["operator"] != "!=", found["value"]))
    return FieldSelector(tuple(requirements))


def _values(found: re.Match[str]) -> tuple[str, ...]:
    parts = found.groupdict()
    if parts.get("values") is not None:
        return tuple(value.strip() for value in parts["values"].split(","))
    return (parts["value"],) if parts.get("value") is not None else ()


def _field(value: Json, path: str) -> str:
    found: Any = value
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if path == "spec.unschedulable":
        return "true" if found else "false"
    if path == "source" and isinstance(found, dict):
        found = found.get("component")
    return "" if found is None else str(found)
