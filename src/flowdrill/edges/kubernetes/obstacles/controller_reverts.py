"""A stand-in for a GitOps controller whose repository still names the broken image."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Stream
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.snapshot import image_of
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.edges.kubernetes.watch_events import watch_event
from flowdrill.errors import ClusterError
from flowdrill.model.container_fields import container_patch
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.status import Status

FIELD_MANAGER = "flowdrill-obstacle"
_WATCH_SECONDS = 20
_PAUSE_SECONDS = 0.2  # between two reverts, and before a watch that ended is opened again
_STOP_SECONDS = 40.0  # longer than the longest request


class ControllerReverts:
    """The `Obstacle` that sets the broken image whenever the workload has the stable one again, from the first time it
    has seen the broken one: the drill breaks the workload itself. At any third image it ends for good: that is
    somebody's deployment. It lives and dies with this process."""

    name = ObstacleKind.CONTROLLER_REVERTS.value

    def __init__(self, api: Api, target: FoundTarget) -> None:
        self._api, self._target = api, target
        self._broken, self._stable, self._written = "", "", ""
        self._stopping = threading.Event()
        self._sending = threading.Lock()  # held while it changes the workload
        self._thread: threading.Thread | None = None
        self._stream: Stream | None = None
        self._armed = False
        self._lines: list[str] = []

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Nothing is needed that the break does not need."""
        self._broken, self._stable, self._written = scene.broken, scene.stable, scene.written
        return ObstacleLook(Status.PASS, f"it patches as the break does, as field manager {FIELD_MANAGER}")

    def put(self) -> str:
        """Start it."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="controller-reverts", daemon=True)
        self._thread.start()
        return f"{FIELD_MANAGER} sets {self._broken} again whenever {self._target.label} has the stable image"

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing: it has died with the process that put it."""

    def take_away(self) -> str | None:
        """Stop it for certain: when this returns None, it changes nothing any more."""
        self._stopping.set()
        thread, stream = self._thread, self._stream
        if stream is not None:
            stream.cut()
        if thread is None:
            return None
        with self._sending:  # whatever it sends has been answered, and it sends no more
            pass
        thread.join(_STOP_SECONDS)
        if thread.is_alive():
            return "it has not ended yet"
        self._thread = None
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return what it has done."""
        text = "".join(f"{line}\n" for line in self._lines) or "it had nothing to put back\n"
        return (("obstacle-controller-reverts.txt", "what the controller in the way has done", text),)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except ClusterError as error:
                if not self._stopping.is_set():  # else the watch was cut to end it
                    self._lines.append(printable(f"watching again after: {error}"))
            self._stopping.wait(_PAUSE_SECONDS)

    def _follow(self) -> None:
        """Look at every change of the workload until the watch ends."""
        query = (("fieldSelector", f"metadata.name={self._target.name}"), ("watch", "true"))
        limited = (*query, ("timeoutSeconds", str(_WATCH_SECONDS)))
        with self._api.stream(self._target.collection, limited, silence_seconds=_WATCH_SECONDS + 5.0) as stream:
            self._stream = stream
            if self._stopping.is_set():
                return
            for line in stream.lines():
                event = watch_event(self._target.collection, line)
                if event.item is None or event.kind not in ("ADDED", "MODIFIED") or self._stopping.is_set():
                    return
                containers = event.item["spec"]["template"]["spec"]["containers"]
                self._look_at(image_of(containers, self._target.container), event.resource_version)

    def _look_at(self, image: str | None, version: str) -> None:
        if image == self._broken:
            self._armed = True
        elif self._armed and self._is_stable(str(image)):
            self._revert(str(image), version)
            self._stopping.wait(_PAUSE_SECONDS)
        elif self._armed:
            self._lines.append(printable(f"somebody has set {image}: nothing more is reverted"))
            self._stopping.set()

    def _is_stable(self, image: str) -> bool:
        digest = self._stable.partition("@")[2]
        return image == self._written or (bool(digest) and image.endswith(f"@{digest}"))

    def _revert(self, image: str, version: str) -> None:
        """Only what was seen is reverted: with another resourceVersion the API server refuses it (409)."""
        body = {**container_patch(self._target.container, self._broken, {}), "metadata": {"resourceVersion": version}}
        with self._sending:
            if self._stopping.is_set():
                return
            self._api.patch(self._target.path, body, (("fieldManager", FIELD_MANAGER),))
        self._lines.append(f"{time.strftime('%H:%M:%SZ', time.gmtime())} set {self._broken} in place of {image}")
