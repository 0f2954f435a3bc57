"""What somebody is about to do to an object, as webhooks are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from flowdrill.cluster.api.authentication import User
from flowdrill.cluster.api.resource_types import Json, ResourceType


class Operation(StrEnum):
    """What is done, in the words of admission."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write before it is made. `namespace` is "" for what is in none; a namespace counts as being in itself.
    `object` is None for a deletion, `old` for a creation."""

    operation: Operation
    resource: ResourceType
    subresource: str
    namespace: str
    name: str
    user: User
    object: Json | None
    old: Json | None
    dry_run: bool = False
    options: Json = field(default_factory=dict)

    @property
    def objects(self) -> tuple[Json, ...]:
        """The object before and after, as far as there is one."""
        return tuple(one for one in (self.object, self.old) if one is not None)
