"""Which keys an object concerns: the answers that many controllers give."""

from __future__ import annotations

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.loop import Key


def own_key(value: Json) -> tuple[Key, ...]:
    """Return the key of the object itself."""
    meta = value["metadata"]
    return ((meta.get("namespace"), meta["name"]),)


def namespace_key(value: Json) -> tuple[Key, ...]:
    """Return the key of the namespace the object is in; none when it is in none."""
    namespace = value["metadata"].get("namespace")
    return () if namespace is None else ((None, namespace),)
