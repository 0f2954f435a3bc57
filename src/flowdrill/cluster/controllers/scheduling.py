"""The scheduler: gives pending pods to a node that has room for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import NODES, PERSISTENT_VOLUME_CLAIMS, PODS, Json, ResourceType
from flowdrill.cluster.controllers.claims import missing_claim
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.node_ledger import NodeLedger
from flowdrill.cluster.controllers.pod_requests import Resources, requests_of, shortages
from flowdrill.cluster.events import EventRecorder

SCHEDULER = "default-scheduler"
_OVER = ("Failed", "Succeeded")


class Scheduler:
    """Binds one pod at a time. Those that found no place wait until a node, a claim or another pod changes."""

    name = "scheduling"

    def __init__(self, objects: Objects, recorder: EventRecorder) -> None:
        self._objects, self._recorder = objects, recorder
        self._ledger = NodeLedger(objects)
        self._waiting: dict[Key, None] = {}
        self.watches: Mapping[ResourceType, Callable[[Json], Iterable[Key]]] = {
            PODS: self._concerned, NODES: self._all_waiting, PERSISTENT_VOLUME_CLAIMS: self._all_waiting,
        }  # fmt: skip

    def sync(self, key: Key) -> None:
        """Bind a pod, or say why it cannot be bound."""
        self._waiting.pop(key, None)
        pod = self._objects.find(PODS, *key)
        if pod is None or not _is_pending(pod):
            return
        nodes = self._objects.select(NODES)
        problems: list[str] = []
        missing = missing_claim(self._objects, pod)
        if missing is not None:
            self._wait(key, pod, f"0/{len(nodes)} nodes are available: {missing}.")
            return
        for node in nodes:
            name = node["metadata"]["name"]
            found = obstacles(pod, node, self._ledger.held(name))
            if not found:
                self._bind(pod, name)
                return
            problems += found
        self._wait(key, pod, unschedulable_message(len(nodes), problems))

    def _wait(self, key: Key, pod: Json, why: str) -> None:
        self._waiting[key] = None
        self._say_unschedulable(pod, why)

    def _concerned(self, pod: Json) -> Iterable[Key]:
        """A pod that has a node concerns those that wait: it may be about to leave room."""
        if _is_pending(pod):
            return own_key(pod)
        return tuple(self._waiting)

    def _all_waiting(self, _node: Json) -> Iterable[Key]:
        return tuple(self._waiting)

    def _bind(self, pod: Json, node: str) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._objects.bind(namespace, name, node)
        self._recorder.record(pod, "Normal", "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    def _say_unschedulable(self, pod: Json, message: str) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        before = next((one for one in _conditions(pod) if one["type"] == "PodScheduled"), {})
        if condition.items() <= before.items():
            return
        now = self._objects.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        since = before["lastTransitionTime"] if before.get("status") == "False" else now
        dated = {**condition, "lastProbeTime": None, "lastTransitionTime": since}

        def edit(one: Json) -> None:
            others = [each for each in _conditions(one) if each["type"] != "PodScheduled"]
            one.setdefault("status", {})["conditions"] = [*others, dated]

        meta = pod["metadata"]
        self._objects.change(PODS, meta["namespace"], meta["name"], edit, part=Part.STATUS)
        self._recorder.record(pod, "Warning", "FailedScheduling", message)


def obstacles(pod: Json, node: Json, held: Resources) -> list[str]:
    """Return why a pod cannot go to a node of which `held` is taken: the first kind of reason only, as the scheduler
    looks at them in turn."""
    if node["spec"].get("unschedulable"):
        return ["node(s) were unschedulable"]
    labels = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in selector.items()):
        return ["node(s) didn't match Pod's node affinity/selector"]
    return shortages(requests_of(pod), held, node)


def unschedulable_message(nodes: int, problems: Iterable[str]) -> str:
    """Return `0/1 nodes are available: 1 Insufficient cpu.`"""
    if nodes == 0:
        return "no nodes available to schedule pods"
    counted = sorted(f"{count} {problem}" for problem, count in Counter(problems).items())
    return f"0/{nodes} nodes are available: {', '.join(counted)}."


def _conditions(pod: Json) -> list[Json]:
    return (pod.get("status") or {}).get("conditions") or []


def _is_pending(pod: Json) -> bool:
    spec, phase = pod["spec"], (pod.get("status") or {}).get("phase")
    ours = spec.get("schedulerName", SCHEDULER) == SCHEDULER
    return ours and not spec.get("nodeName") and phase not in _OVER and "deletionTimestamp" not in pod["metadata"]
