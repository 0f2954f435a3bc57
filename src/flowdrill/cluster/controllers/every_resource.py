"""For controllers that look after objects of every kind, custom resources too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from flowdrill.cluster.api.resource_types import Json, ResourceType, ResourceTypes
from flowdrill.cluster.controllers.loop import Key

Concerned = Callable[[Json], Iterable[Key]]


class EveryResource(Mapping[ResourceType, Concerned]):
    """Controller.watches of every resource that is kept, whenever it was added: all get the same answer."""

    def __init__(self, types: ResourceTypes, concerned: Concerned) -> None:
        self._types, self._concerned = types, concerned

    def __getitem__(self, resource: ResourceType) -> Concerned:
        return self._concerned

    def __iter__(self) -> Iterator[ResourceType]:
        return (one for one in self._types.all() if one.kept)

    def __len__(self) -> int:
        return sum(1 for _ in self)
