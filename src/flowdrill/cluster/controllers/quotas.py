"""What quotas say of themselves: their limits, and how much of them is used."""

from __future__ import annotations

from collections.abc import Iterator

from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.quota import hard_of, used_of
from flowdrill.cluster.api.resource_types import RESOURCE_QUOTAS, Json
from flowdrill.cluster.controllers.every_resource import EveryResource
from flowdrill.cluster.controllers.loop import Key


class QuotaController:
    """Keeps the status of ResourceQuotas. Nothing is decided by it: what fits is counted when it is asked."""

    name = "resource-quotas"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = EveryResource(objects.types, self._concerned)

    def sync(self, key: Key) -> None:
        """Count what the namespace of one quota holds."""
        quota = self._objects.find(RESOURCE_QUOTAS, *key)
        if quota is None:
            return
        hard = hard_of(quota)
        used = used_of(self._objects.store, self._objects.types, quota["metadata"]["namespace"], hard)
        status = {
            name: {one: str(amounts[one]) for one in amounts} for name, amounts in (("hard", hard), ("used", used))
        }
        if status != quota.get("status"):
            self._objects.change(RESOURCE_QUOTAS, *key, lambda one: one.update(status=status), part=Part.STATUS)

    def _concerned(self, value: Json) -> Iterator[Key]:
        namespace = value["metadata"].get("namespace")
        for one in self._objects.store.all(RESOURCE_QUOTAS, namespace) if namespace else ():
            yield namespace, one["metadata"]["name"]
