"""What the API does with objects, whoever asks: defaults, rules, versions, deletion. No HTTP, no permissions.

The HTTP server, the controllers and the node all go through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flowdrill.cluster.api.resource_types import Json, ResourceType, ResourceTypes
from flowdrill.cluster.api.selectors import FieldSelector, LabelSelector
from flowdrill.cluster.api.store import Store
from flowdrill.cluster.network import Network


class Part(StrEnum):
    """Which part of an object a write may change; the other part is kept as it is."""

    SPEC = ""  # everything but status
    STATUS = "status"  # status (and metadata that a status write may change: none)


class Propagation(StrEnum):
    """What becomes of the objects an object owns."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. None: as the resource does by default."""

    grace_seconds: int | None = None
    propagation: Propagation | None = None
    uid: str | None = None  # preconditions
    resource_version: str | None = None
    dry_run: bool = False


class Objects:
    """The API's objects. Those returned are shared: copy before changing. Refusals are StatusError."""

    def __init__(self, store: Store, types: ResourceTypes, network: Network, now: Callable[[], datetime]) -> None:
        self.store, self.types, self.network, self.now = store, types, network, now

    def get(self, resource: ResourceType, namespace: str | None, name: str) -> Json:
        """Return an object; 404."""
        raise NotImplementedError

    def find(self, resource: ResourceType, namespace: str | None, name: str) -> Json | None:
        """Return an object or None."""
        raise NotImplementedError

    def select(
        self, resource: ResourceType, namespace: str | None = None,
        labels: LabelSelector | None = None, fields: FieldSelector | None = None,
    ) -> list[Json]:  # fmt: skip
        """Return the selected objects, by namespace and name."""
        raise NotImplementedError

    def create(self, resource: ResourceType, value: Json, *, dry_run: bool = False) -> Json:
        """Keep a new object (copied): name from generateName, uid, creationTimestamp, generation, defaults, cluster IP,
        default service account …; 404 for a missing namespace, 403 for one that terminates, 409, 422."""
        raise NotImplementedError

    def update(self, resource: ResourceType, value: Json, *, part: Part = Part.SPEC, dry_run: bool = False) -> Json:
        """Replace an object (copied). A metadata.resourceVersion or uid that is given must be the current one (409).
        Nothing is written, and no version counted, when nothing changes. metadata.generation counts changes of the
        spec. Removing the last finalizer of an object that is being deleted removes it."""
        raise NotImplementedError

    def change(
        self, resource: ResourceType, namespace: str | None, name: str, edit: Callable[[Json], None],
        *, part: Part = Part.SPEC,
    ) -> Json:  # fmt: skip
        """Copy the current object, let `edit` change the copy, update. 404."""
        raise NotImplementedError

    def delete(
        self, resource: ResourceType, namespace: str | None, name: str, options: DeleteOptions = DeleteOptions()
    ) -> Json:
        """Delete, or begin to: finalizers (foregroundDeletion and orphan among them), a namespace's content and a
        running pod's grace come first; then the object with its deletionTimestamp is returned. A pod that is bound to
        a node is removed when the node deletes it with grace 0. 404, 409 for preconditions."""
        raise NotImplementedError
