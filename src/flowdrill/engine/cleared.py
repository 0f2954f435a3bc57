"""Preflight's result, which everything after it works with."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.engine.provider_start import ProviderStart
from flowdrill.engine.stable_image import Stable
from flowdrill.model.images import PreparedImage
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
    provider: ProviderStart | None = None  # where the drill starts the model provider

    @property
    def pushed(self) -> tuple[PreparedImage, ...]:
        """Every image that this drill makes."""
        return (self.broken,) if self.recovery is None else (self.recovery, self.broken)

    @property
    def own_images(self) -> frozenset[str]:
        """Every image that the workload has during this drill unless somebody else sets one."""
        return self.stable.images.union(str(one.image.reference) for one in self.pushed)
