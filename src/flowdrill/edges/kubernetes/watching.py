"""List and watch, one thread a source, as the API's concepts page describes: resume where the last watch ended, list
anew when that is too old (410 Gone), and say so when a source has been silent for too long."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from flowdrill.edges.kubernetes.api import Api, Json, Query, Stream
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.edges.kubernetes.watch_events import watch_event
from flowdrill.edges.kubernetes.watched_state import Source, WatchedState
from flowdrill.engine.facts import Tell, WatchLost
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.json_shapes import as_mapping
from flowdrill.model.workload import WorkloadKind

S = TypeVar("S", bound=str)
S_contra = TypeVar("S_contra", bound=str, contravariant=True)
_WATCH_SECONDS = 20  # the server ends a watch after this; a dead connection is found soon after
_SILENCE_SECONDS = 25.0
_STOP_SECONDS = 10.0
_SHORTEST_WATCH = 1.0  # seconds; a server that ends watches sooner is not asked again at once
_PAUSE_FIRST, _PAUSE_LONGEST = 0.1, 5.0


class TakesIn(Protocol[S_contra]):
    """What a watch brings its news to. Called from the watch's thread."""

    def replace(self, source: S_contra, items: list[Json], arrived_ns: int) -> None:
        """Take a list as the whole truth about `source`."""
        ...

    def apply(self, source: S_contra, kind: str, item: Json, arrived_ns: int) -> None:
        """Take one event of a watch: ADDED, MODIFIED or DELETED."""
        ...


@dataclass(frozen=True, slots=True)
class Listing(Generic[S]):
    """Where a source is listed and watched."""

    source: S
    path: str
    query: Query = ()


def listings(api: Api, target: FoundTarget) -> tuple[Listing[Source], ...]:
    """Return where everything about the target is found on this cluster."""
    about_pods = "involvedObject.kind=Pod,reason="
    found = [
        Listing(Source.WORKLOAD, target.collection, (("fieldSelector", f"metadata.name={target.name}"),)),
        Listing(Source.PODS, target.core("pods"), target.selector),
        Listing(Source.PULLED_EVENTS, target.core("events"), (("fieldSelector", f"{about_pods}Pulled"),)),
        Listing(Source.PROBE_EVENTS, target.core("events"), (("fieldSelector", f"{about_pods}Unhealthy"),)),
        Listing(Source.ENDPOINTS, _endpoints_path(api, target), ()),
    ]
    if target.kind is WorkloadKind.DEPLOYMENT:
        found.append(Listing(Source.REVISIONS, target.revisions, target.selector))
    return tuple(found)


def _endpoints_path(api: Api, target: FoundTarget) -> str:
    """EndpointSlices in the newest version that is served: v1 since 1.21, v1beta1 from 1.17 to 1.24; else Endpoints."""
    try:
        versions = {one["version"] for one in api.get("/apis/discovery.k8s.io").get("versions") or ()}
    except AnswerError as error:
        if error.status != 404:
            raise
        versions = set()
    for version in ("v1", "v1beta1"):
        if version in versions:
            return f"/apis/discovery.k8s.io/{version}/namespaces/{target.namespace}/endpointslices"
    return target.core("endpoints")


class WorkloadWatch:
    """Tells every change of the target. ClusterError or ForbiddenError when the first lists cannot be had."""

    def __init__(self, api: Api, target: FoundTarget, tell: Tell, *, lost_after_seconds: float = 30.0) -> None:
        state = WatchedState(target, tell)
        if target.kind is WorkloadKind.STATEFULSET:
            state.items[Source.REVISIONS] = {}  # its pods are its own
        self._watches = [ListWatch(api, listing, state, tell, lost_after_seconds) for listing in listings(api, target)]
        for watch in self._watches:
            watch.list_anew()
        for watch in self._watches:
            watch.thread.start()

    def stop(self) -> None:
        """End every watch and wait for its thread."""
        for watch in self._watches:
            watch.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for watch in self._watches:
            watch.thread.join(max(0.0, deadline - time.monotonic()))


@dataclass(slots=True)
class ListWatch(Generic[S]):
    """One source: its thread, where it is, and since when it has been failing. The thread lists by itself where nobody
    has yet."""

    api: Api
    listing: Listing[S]
    state: TakesIn[S]
    tell: Tell
    lost_after_seconds: float
    thread: threading.Thread = field(init=False)
    stopping: threading.Event = field(default_factory=threading.Event)
    resource_version: str | None = None
    good_at: float = 0.0  # when the API server last answered
    may_be_missing: bool = False  # a cluster that does not serve it has none of it
    stream: Stream | None = None

    def __post_init__(self) -> None:
        # A daemon: an API server that stopped answering must not keep the process from ending.
        self.thread = threading.Thread(target=self._run, name=f"watch-{self.listing.source}", daemon=True)

    def stop(self) -> None:
        """Have the thread end soon. Harmless when it has ended."""
        self.stopping.set()
        stream = self.stream
        if stream is not None:
            stream.cut()

    def list_anew(self) -> None:
        """List, and hand it on; ClusterError or ForbiddenError when it cannot be had."""
        try:
            answer = self.api.get(self.listing.path, self.listing.query)
        except AnswerError as error:
            if error.status != 404 or not self.may_be_missing:
                raise
            answer = {"metadata": {"resourceVersion": None}}
            self.stopping.set()  # there will be nothing to follow
        self.state.replace(self.listing.source, list(answer.get("items") or ()), time.monotonic_ns())
        self.resource_version = str(as_mapping(answer.get("metadata")).get("resourceVersion"))
        self.good_at = time.monotonic()

    def _run(self) -> None:
        lost_since, pause = None, _PAUSE_FIRST
        while not self.stopping.is_set():
            began, problem = time.monotonic(), None
            try:
                if self.resource_version is None:
                    self.list_anew()
                if not self.stopping.is_set():
                    self._follow()
            except ClusterError as error:
                problem = error.problem
            if self.stopping.is_set():
                return
            overdue = time.monotonic() - self.good_at >= self.lost_after_seconds
            if problem and overdue and lost_since != self.good_at:
                lost_since = self.good_at
                self.tell(WatchLost(time.monotonic_ns(), f"watching {self.listing.source}: {problem}"))
            if problem is None or self.good_at > began:
                pause = _PAUSE_FIRST
            if problem or time.monotonic() - began < _SHORTEST_WATCH:
                self.stopping.wait(pause)
                pause = min(2 * pause, _PAUSE_LONGEST)

    def _follow(self) -> None:
        """Read one watch to its end. Forgets the resource version when only a new list helps."""
        query = [
            *self.listing.query,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
            ("resourceVersion", str(self.resource_version)),
        ]
        try:
            with self.api.stream(self.listing.path, query, silence_seconds=_SILENCE_SECONDS) as stream:
                self.stream, self.good_at = stream, time.monotonic()
                if self.stopping.is_set():
                    return  # asked before there was a stream to cut
                for line in stream.lines():
                    self._take(line, time.monotonic_ns())
        except ForbiddenError:
            raise
        except AnswerError as error:
            self.resource_version = None
            if error.status != 410:
                raise
        finally:
            self.stream = None

    def _take(self, line: bytes, arrived_ns: int) -> None:
        event = watch_event(self.listing.path, line)
        if event.item is not None:
            self.state.apply(self.listing.source, event.kind, event.item, arrived_ns)
        self.resource_version = event.resource_version
        self.good_at = time.monotonic()
