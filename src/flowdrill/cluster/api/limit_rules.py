"""What the objects must be that limit others: quotas, limit ranges, autoscalers, disruption budgets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowdrill.cluster.api.metadata_rules import Cause, quoted
from flowdrill.cluster.api.quota import COMPUTE, COUNTED
from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.value_rules import int_or_percent, is_quantity
from flowdrill.model.resource_quantity import quantity

_COUNT = re.compile(r"count/[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def quota_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a ResourceQuota, or is not counted here."""
    spec = value.get("spec") or {}
    for name, limit in (spec.get("hard") or {}).items():
        at = f"spec.hard[{name}]"
        if name not in COMPUTE and name not in COUNTED and not _COUNT.fullmatch(name):
            yield at, "FieldValueInvalid", f"Invalid value: {quoted(name)}: must be a standard resource for quota"
            continue
        errors = [*is_quantity(limit, at)]
        yield from errors
        if not errors and name not in COMPUTE and quantity(limit) != int(quantity(limit)):
            yield at, "FieldValueInvalid", f"Invalid value: {quoted(str(limit))}: must be an integer"
    for name in ("scopes", "scopeSelector"):
        if spec.get(name):
            message = "Forbidden: the embedded cluster counts all pods alike: it has no scopes"
            yield f"spec.{name}", "FieldValueForbidden", message


def limit_range_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a LimitRange."""
    for number, one in enumerate((value.get("spec") or {}).get("limits") or ()):
        at = f"spec.limits[{number}]"
        if not one.get("type"):
            yield f"{at}.type", "FieldValueRequired", "Required value"
        for part in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            for name, text in (one.get(part) or {}).items():
                yield from is_quantity(text, f"{at}.{part}[{name}]")


def autoscaler_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a HorizontalPodAutoscaler."""
    spec = value["spec"]
    most, least = spec.get("maxReplicas") or 0, spec["minReplicas"]
    if least < 1:
        yield "spec.minReplicas", "FieldValueInvalid", f"Invalid value: {least}: must be greater than or equal to 1"
    if most < 1:
        yield "spec.maxReplicas", "FieldValueInvalid", f"Invalid value: {most}: must be greater than 0"
    if most < least:
        message = f"Invalid value: {most}: must be greater than or equal to `minReplicas`"
        yield "spec.maxReplicas", "FieldValueInvalid", message
    for name in ("kind", "name"):
        if not (spec.get("scaleTargetRef") or {}).get(name):
            yield f"spec.scaleTargetRef.{name}", "FieldValueRequired", "Required value"


def budget_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a PodDisruptionBudget."""
    spec = value.get("spec") or {}
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield "spec", "FieldValueInvalid", "Invalid value: minAvailable and maxUnavailable cannot be both set"
    for name in ("minAvailable", "maxUnavailable"):
        yield from int_or_percent(spec.get(name), f"spec.{name}")
