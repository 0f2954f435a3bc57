"""Asks again and again which image the workload has, while people are waited for.

A watch tells a change at once, and says nothing while there is none: when somebody acts after a quiet minute, it could
have been at any moment of it. An answer that still names the old image says that nobody had acted when it was asked.
"""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.repeated_look import RepeatedLook
from flowdrill.edges.kubernetes.snapshot import image_of
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.engine.facts import ImageStill, Tell
from flowdrill.engine.ports import Clock
from flowdrill.model.json_shapes import as_mappings, inside

_EVERY_SECONDS = 0.5


class ImageLook(RepeatedLook):
    """A `Source`."""

    def __init__(self, api: Api, target: FoundTarget, clock: Clock) -> None:
        super().__init__("image-look", _EVERY_SECONDS)
        self._api, self._target, self._clock = api, target, clock

    def _look(self, tell: Tell) -> None:
        asked_ns = self._clock.now_ns()
        workload = self._api.get(self._target.path)
        containers = as_mappings(inside(workload, "spec", "template", "spec").get("containers"))
        image = image_of(containers, self._target.container)
        if image is not None:
            tell(ImageStill(self._clock.now_ns(), asked_ns, image))
