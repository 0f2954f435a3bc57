"""What a pod asks of the node, and what the node cannot give. Pure."""

from __future__ import annotations

from decimal import Decimal

from flowdrill.cluster.api.resource_types import Json
from flowdrill.model.resource_quantity import quantity

Resources = dict[str, Decimal]  # by name: CPUs, bytes, pods, or pieces of whatever else


def requests_of(pod: Json) -> Resources:
    """Return what a pod asks for: its containers together, or its hungriest init container where that is more."""
    total: Resources = {"pods": Decimal(1)}
    for container in pod["spec"].get("containers") or ():
        total = plus(total, _requests(container))
    for container in pod["spec"].get("initContainers") or ():
        for name, value in _requests(container).items():
            total[name] = max(value, total.get(name, Decimal(0)))
    return plus(total, _readable(pod["spec"].get("overhead")))


def plus(one: Resources, other: Resources) -> Resources:
    """Return both together."""
    return one | {name: one.get(name, Decimal(0)) + value for name, value in other.items()}


def minus(one: Resources, other: Resources) -> Resources:
    """Return what is left of the one without the other."""
    return one | {name: one.get(name, Decimal(0)) - value for name, value in other.items()}


def shortages(wanted: Resources, held: Resources, node: Json) -> list[str]:
    """Return why a node has no room, as the scheduler words it; nothing when it has."""
    allocatable = _readable((node.get("status") or {}).get("allocatable"))
    found = []
    for name, value in wanted.items():
        if name not in allocatable and "/" not in name:
            continue  # a node that does not say how much it has of cpu, memory, pods or storage is not asked
        if value > 0 and held.get(name, Decimal(0)) + value > allocatable.get(name, Decimal(0)):
            found.append("Too many pods" if name == "pods" else f"Insufficient {name}")
    return sorted(found)


def _requests(container: Json) -> Resources:
    resources = container.get("resources") or {}
    return _readable(resources.get("limits")) | _readable(resources.get("requests"))


def _readable(quantities: Json | None) -> Resources:
    found: Resources = {}
    for name, text in (quantities or {}).items():
        try:
            found[name] = quantity(text)
        except ValueError:
            continue  # the API refuses these; whatever came in nevertheless asks for nothing
    return found
