"""One pod in a namespace of its own, watched until it is ready or has failed, and removed with all that is about it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowdrill.analysis.kubernetes_signals import pod_failure
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.evidence import read_log
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.snapshot import pod_snapshot
from flowdrill.edges.kubernetes.watch_events import watch_event
from flowdrill.errors import ClusterError
from flowdrill.model.workload import PodSnapshot

_PULLS_THAT_FAILED = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
_GONE_SECONDS = 30.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class PodStart:
    """A pod that is ready, or has failed, or had its time."""

    snapshot: PodSnapshot
    address: str | None
    ready: bool
    failed: str | None  # None while it may still get ready
    watched_seconds: float  # since the pod was created


@contextmanager
def single_pod(
    context: str, kubeconfig: str, namespace: str, spec: Json, left_behind: Callable[[str], None]
) -> Iterator[SinglePod]:
    """A pod with one container in a new namespace, for as long as the context lasts. `left_behind` is told what could
    not be removed. ClusterError when the cluster refuses it."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    name = str(spec["containers"][0]["name"])
    path = f"/api/v1/namespaces/{namespace}"
    try:
        api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        api.create(f"{path}/pods", pod)
        yield SinglePod(api, path, name, time.monotonic())
    finally:
        try:
            _remove(api, path, name)
        except ClusterError as error:
            left_behind(f"namespace {namespace}: {error.problem}; `kubectl delete namespace {namespace}`")
        api.close()


class SinglePod:
    """The pod; its container has its name. Every method raises ClusterError."""

    def __init__(self, api: Api, path: str, name: str, created: float) -> None:
        self._api, self._path, self._name, self._created = api, path, name, created

    def await_start(self, limit_seconds: float) -> PodStart:
        """Return once the pod is ready or has failed, or `limit_seconds` after its creation. ClusterError when the
        node cannot have its image: that says nothing of the image."""
        query = (
            ("watch", "true"),
            ("fieldSelector", f"metadata.name={self._name}"),
            ("timeoutSeconds", str(math.ceil(limit_seconds))),
        )
        with self._api.stream(f"{self._path}/pods", query, silence_seconds=limit_seconds + 5) as stream:
            for line in stream.lines():
                event = watch_event(f"{self._path}/pods", line)
                if event.item is None:
                    continue
                start = self._start(event.item)
                if start.ready or start.failed is not None or start.watched_seconds >= limit_seconds:
                    return start
        return self._start(self._pod())

    def await_end(self, limit_seconds: float) -> PodSnapshot:
        """Return the pod once its container has ended, or after `limit_seconds`."""
        deadline = time.monotonic() + limit_seconds
        while True:
            seen = pod_snapshot(self._pod(), self._name)
            if seen.ended is not None or time.monotonic() >= deadline:
                return seen
            time.sleep(_PAUSE_SECONDS)

    def complaint(self) -> str:
        """Return the newest warning about the pod, on one line; "" when there is none."""
        events = [one for one in self._api.items(f"{self._path}/events") if one.get("type") == "Warning"]
        newest = max(events, key=_age, default=None)
        return "" if newest is None else printable(f"{newest.get('reason')}: {newest.get('message')}")

    def log_lines(self, most: int, seen: PodSnapshot, secrets: frozenset[str]) -> tuple[str, ...]:
        """Return the last lines with a word in the container's log, of its run that ended when it was started again;
        redacted, but with whatever characters they have."""
        path, tail = f"{self._path}/pods/{self._name}/log", (("tailLines", "200"),)
        previous = (("previous", "true"),) if seen.restarts and seen.ended is not None else ()
        text = read_log(self._api, path, (*tail, *previous), secrets)
        return tuple(line for line in text.splitlines() if any(map(str.isalnum, line)))[-most:]

    def _pod(self) -> Json:
        return self._api.get(f"{self._path}/pods/{self._name}")

    def _start(self, pod: Json) -> PodStart:
        seen, status = pod_snapshot(pod, self._name), pod.get("status") or {}
        if seen.waiting_reason in _PULLS_THAT_FAILED:
            raise ClusterError(
                f"the node cannot pull {printable(seen.image)}: {self.complaint() or seen.waiting_reason}",
                "see that the cluster's registry has the image, and that the cluster trusts it",
            )
        failed = None if seen.ready else pod_failure(seen, frozenset())
        return PodStart(seen, status.get("podIP"), seen.ready, failed, time.monotonic() - self._created)


def _age(item: Json) -> tuple[int, str]:
    """Versions are whole numbers on every API server that there is, and grow."""
    version = str(item["metadata"].get("resourceVersion"))
    return len(version), version


def _remove(api: Api, path: str, name: str) -> None:
    """Remove the pod at once, then its namespace; return when both are gone."""
    for one in (f"{path}/pods/{name}", path):
        try:
            api.delete(one, str(api.get(one)["metadata"]["uid"]))
        except AnswerError as error:
            if error.status not in (404, 409):
                raise
    deadline = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < deadline:
        try:
            api.get(path)
        except AnswerError as error:
            if error.status == 404:
                return
            raise
        time.sleep(_PAUSE_SECONDS)
    raise ClusterError(f"is still there after {_GONE_SECONDS:.0f} s", "see what holds it")
