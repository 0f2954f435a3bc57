"""Preflight's result, which everything after it works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowdrill.engine.provider_start import ProviderStart
from flowdrill.engine.stable_image import Stable
from flowdrill.model.images import PreparedImage
from flowdrill.model.obstacle import ObstacleUndo
from flowdrill.model.release import Release
from flowdrill.model.workload import WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class Cleared:
    """Preflight's result: the drill may start."""

    before: WorkloadSnapshot
    stable: Stable
    broken: PreparedImage
    release: Release
    recovery: PreparedImage | None = None  # puts back the data that the release changes; rolled out by the restore
    revision: str | None = None  # replicaset/NAME or controllerrevision/NAME that holds the stable template
    template: Mapping[str, Any] = field(default_factory=dict)  # the whole pod template, as the API server had it
    provider: ProviderStart | None = None  # where the drill starts the model provider
    obstacles: tuple[ObstacleUndo, ...] = ()  # what is put in the way of the rollback
    revision_limit: int | None = None  # how many old ones are kept
    revision_number: int | None = None  # of the revision that holds the stable template

    @property
    def pushed(self) -> tuple[PreparedImage, ...]:
        """Every image that this drill makes."""
        return (self.broken,) if self.recovery is None else (self.recovery, self.broken)

    def owns(self, image: str) -> bool:
        """Return whether the workload has this image in this drill: the stable one, however it is written, or one that
        the drill has made. Any other one was set by somebody else."""
        return self.stable.is_stable(image) or any(image == str(one.image.reference) for one in self.pushed)
