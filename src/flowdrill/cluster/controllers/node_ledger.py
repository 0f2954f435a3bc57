"""What the pods on every node ask for together, kept with every change of a pod."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import PODS, Json
from flowdrill.cluster.api.store import Change, ChangeType
from flowdrill.cluster.controllers.pod_requests import Resources, minus, plus, requests_of

_OVER = ("Failed", "Succeeded")


class NodeLedger:
    """Follows the store from its construction on."""

    def __init__(self, objects: Objects) -> None:
        self._held: dict[str, Resources] = {}
        for pod in objects.select(PODS):
            self._add(_node_of(pod), pod)
        objects.store.subscribe(self._changed)

    def held(self, node: str) -> Resources:
        """Return what is taken of a node."""
        return self._held.get(node, {})

    def _changed(self, change: Change) -> None:
        if change.resource != PODS:
            return
        before = None if change.previous is None else _node_of(change.previous)
        after = None if change.type is ChangeType.DELETED else _node_of(change.object)
        if before == after:
            return  # what a pod asks for does not change while it runs
        if before is not None and change.previous is not None:
            self._held[before] = minus(self._held[before], requests_of(change.previous))
        self._add(after, change.object)

    def _add(self, node: str | None, pod: Json) -> None:
        if node is not None:
            self._held[node] = plus(self._held.get(node, {}), requests_of(pod))


def _node_of(pod: Json) -> str | None:
    """Return the node on which a pod takes room: none once it has ended."""
    over = (pod.get("status") or {}).get("phase") in _OVER
    return None if over else pod["spec"].get("nodeName") or None
