"""Asks again and again which image the workload has, while people are waited for.

A watch tells a change at once, and says nothing while there is none: when somebody acts after a quiet minute, it could
have been at any moment of it. An answer that still names the old image says that nobody had acted when it was asked.
"""

from __future__ import annotations

import threading

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.snapshot import image_of
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.engine.facts import ImageStill
from flowdrill.engine.ports import Clock, Tell
from flowdrill.errors import ClusterError
from flowdrill.model.json_shapes import as_mappings, inside

_EVERY_SECONDS = 0.5
_STOP_SECONDS = 5.0


class ImageLook:
    """A `Source`. An API server that is away is not told here: the watch tells that."""

    def __init__(self, api: Api, target: FoundTarget, clock: Clock) -> None:
        self._api, self._target, self._clock = api, target, clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is seen."""
        self._thread = threading.Thread(target=self._run, args=(tell,), name="image-look", daemon=True)
        self._thread.start()

    def stop_watching(self) -> None:
        """Stop telling. Harmless when not watching."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _run(self, tell: Tell) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            asked_ns = self._clock.now_ns()
            try:
                workload = self._api.get(self._target.path)
            except ClusterError:
                continue
            containers = as_mappings(inside(workload, "spec", "template", "spec").get("containers"))
            image = image_of(containers, self._target.container)
            if image is not None:
                tell(ImageStill(self._clock.now_ns(), asked_ns, image))
