"""What the watches have brought so far, joined to one snapshot."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.snapshot import Seen, workload_snapshot
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.engine.facts import Tell, WorkloadChanged
from flowdrill.model.workload import WorkloadSnapshot


class Source(StrEnum):
    """What is watched."""

    WORKLOAD = "workload"
    REVISIONS = "revisions"
    PODS = "pods"
    PULLED_EVENTS = "events"
    PROBE_EVENTS = "probe events"
    ENDPOINTS = "endpoints"


def snapshot_of(target: FoundTarget, items: dict[Source, dict[str, Json]]) -> WorkloadSnapshot | None:
    """Return the snapshot of everything in `items` (by uid), or None when the workload is not there."""
    workload = next(iter(items.get(Source.WORKLOAD, {}).values()), None)
    if workload is None:
        return None
    seen = Seen(
        workload=workload,
        revisions=items.get(Source.REVISIONS, {}).values(),
        pods=items.get(Source.PODS, {}).values(),
        pulled_events=items.get(Source.PULLED_EVENTS, {}).values(),
        probe_events=items.get(Source.PROBE_EVENTS, {}).values(),
        endpoints=items.get(Source.ENDPOINTS, {}).values(),
    )
    return workload_snapshot(target.kind, target.container, seen)


@dataclass(slots=True)
class WatchedState:
    """Joins what several watches bring, from several threads; tells a snapshot only when it differs from the last."""

    target: FoundTarget
    tell: Tell
    items: dict[Source, dict[str, Json]] = field(default_factory=dict)
    last_told: WorkloadSnapshot | None = None
    last_told_ns: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def replace(self, source: Source, items: list[Json], arrived_ns: int) -> None:
        """Take a list as the whole truth about `source`."""
        with self.lock:
            self.items[source] = {item["metadata"]["uid"]: _slim(source, item) for item in items}
            self._tell_if_new(arrived_ns)

    def apply(self, source: Source, kind: str, item: Json, arrived_ns: int) -> None:
        """Take one event of a watch: ADDED, MODIFIED or DELETED."""
        with self.lock:
            known = self.items.setdefault(source, {})
            if kind == "DELETED":
                known.pop(item["metadata"]["uid"], None)
            else:
                known[item["metadata"]["uid"]] = _slim(source, item)
            self._tell_if_new(arrived_ns)

    def _tell_if_new(self, arrived_ns: int) -> None:
        if len(self.items) < len(Source):
            return  # not every source has been listed yet
        snapshot = snapshot_of(self.target, self.items)
        if snapshot is not None and snapshot != self.last_told:
            self.last_told = snapshot
            # two watches may come here in another order than their news arrived in; told instants never go back
            self.last_told_ns = max(self.last_told_ns, arrived_ns)
            self.tell(WorkloadChanged(self.last_told_ns, snapshot))


def _slim(source: Source, item: Json) -> Json:
    """Without managedFields, the largest part of many objects; the workload's own say who has set its image."""
    if source is not Source.WORKLOAD:
        item["metadata"].pop("managedFields", None)
    return item
