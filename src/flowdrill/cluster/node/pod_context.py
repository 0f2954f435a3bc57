"""What a pod's containers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json


@dataclass(slots=True)
class PodContext:
    """What a pod's containers share. `pod` is always the latest state."""

    pod: Json
    folder: Path
    address: str
    volumes: Mapping[str, Path]
    changed: Callable[[], None]  # to be called whenever a container's state has
