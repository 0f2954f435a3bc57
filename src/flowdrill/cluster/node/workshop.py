"""What every pod's worker needs of the node."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.events import EventRecorder
from flowdrill.cluster.node.images import ImageStore, PulledImage
from flowdrill.cluster.node.keeper_client import KeeperClient
from flowdrill.cluster.node.limits import CpuGroups
from flowdrill.cluster.node.volumes import Volumes

_HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Workshop:
    """The node's tools."""

    objects: Objects
    images: ImageStore
    keeper: KeeperClient
    volumes: Volumes
    cpu: CpuGroups
    events: EventRecorder
    runtime_bin: Path | None
    pulled: Callable[[], None]  # called after an image was pulled

    async def pull(self, reference: str) -> PulledImage:
        """Pull an image; PullError."""
        image = await self.images.pull(reference)
        self.pulled()
        return image

    def search_path(self, of_image: str) -> str:
        """Return the PATH of a container: the runtime's programs first, then the image's, then the host's."""
        runtime = [str(self.runtime_bin)] if self.runtime_bin is not None else []
        return ":".join([*runtime, *filter(None, [of_image]), os.environ.get("PATH") or _HOST_PATH])

    def tell(self, about: Json, kind: str, reason: str, message: str, field: str | None = None) -> None:
        """Record an event about a pod."""
        self.events.record(about, kind, reason, message, field=field)
