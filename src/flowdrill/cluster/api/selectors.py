"""Label and field selectors, parsed and applied."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.cluster.api.resource_types import Json


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement on a label."""

    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist, Gt, Lt
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that all must hold; none selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Json | None) -> bool:
        """Return whether an object with these labels is selected."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """`metadata.name=a,status.phase!=Running`: (path, equal?, value), all of which must hold."""

    requirements: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, value: Json) -> bool:
        """Return whether an object is selected."""
        raise NotImplementedError


def parse_label_selector(text: str) -> LabelSelector:
    """Parse `a=b,c in (d,e),!f`; StatusError 400 as Kubernetes words it."""
    raise NotImplementedError


def label_selector_of(value: Json | None) -> LabelSelector:
    """Return the selector of a `spec.selector` with matchLabels and matchExpressions."""
    raise NotImplementedError


def parse_field_selector(text: str, kind: str) -> FieldSelector:
    """Parse a field selector; StatusError 400 for a field this kind cannot be selected by."""
    raise NotImplementedError
