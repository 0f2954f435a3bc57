"""Objects with versions: in memory for reading, in SQLite so that they outlive the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json, ResourceType


class ChangeType(StrEnum):
    """What happened to an object, as a watch says it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `previous` is the object before, None when it was added. The object of a DELETED carries the
    revision of the deletion."""

    type: ChangeType
    resource: ResourceType
    object: Json
    previous: Json | None
    revision: int


class Store:
    """Used from one thread, the event loop's. Objects that come out are shared and must not be changed.

    It knows nothing of what objects mean: only keys, versions, durability and history."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file (None: memory only). FlowdrillError when it is damaged or cannot be written."""
        raise NotImplementedError

    @property
    def revision(self) -> int:
        """The version of the last change."""
        raise NotImplementedError

    def get(self, resource: ResourceType, namespace: str | None, name: str) -> Json | None:
        """Return an object or None. `namespace` is None for what belongs to no namespace."""
        raise NotImplementedError

    def all(self, resource: ResourceType, namespace: str | None = None) -> list[Json]:
        """Return the objects of a namespace, or all of them, by namespace and name."""
        raise NotImplementedError

    def put(self, resource: ResourceType, value: Json) -> Json:
        """Add or replace an object; return it with its new metadata.resourceVersion. The caller has copied it."""
        raise NotImplementedError

    def remove(self, resource: ResourceType, namespace: str | None, name: str) -> Json:
        """Remove an object that is there; return its last state."""
        raise NotImplementedError

    def changes_since(self, revision: int) -> list[Change]:
        """Return what happened after `revision`, oldest first; StatusError 410 when that is no longer kept."""
        raise NotImplementedError

    def subscribe(self, tell: Callable[[Change], None]) -> Callable[[], None]:
        """Have every change told, in order, directly after it was kept; return what ends that."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is not yet written and close the file."""
        raise NotImplementedError
