"""How many pods are made at once: a size that is a slip of the pen must not drown the cluster."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.resource_types import Json

MOST_AT_ONCE = 100  # pods made or deleted in one look
_MOST_WAITING = 1000  # pods of one workload that no node has taken


def pods_to_make(existing: Iterable[Json]) -> int:
    """Return how many pods a workload with these may have made in one look. While very many of them wait for a node,
    none: it goes on when one of them gets a node or goes, which brings about another look."""
    waiting = sum(not pod["spec"].get("nodeName") for pod in existing)
    return min(MOST_AT_ONCE, max(0, _MOST_WAITING - waiting))
