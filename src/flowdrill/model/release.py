"""What a release changes beside its image, and how that is put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flowdrill.model.container_fields import Fields

Beside = Mapping[str, Mapping[str, Any]]  # strategic merge patches that set values, by object: configmap/NAME


@dataclass(frozen=True, slots=True)
class Release:
    """The broken release and the stable one, as far as they differ beside the image."""

    broken_fields: Fields = field(default_factory=dict)
    stable_fields: Fields = field(default_factory=dict)
    broken_beside: Beside = field(default_factory=dict)  # other objects, which no rollback brings back
    stable_beside: Beside = field(default_factory=dict)  # the same objects
    changes: tuple[str, ...] = ()  # one line a change, without secrets

    def with_beside(self, other: Release) -> Release:
        """Return this release with what the other one changes beside the workload."""
        return replace(
            self,
            broken_beside={**self.broken_beside, **other.broken_beside},
            stable_beside={**self.stable_beside, **other.stable_beside},
            changes=(*self.changes, *other.changes),
        )


IMAGE_ONLY = Release()


def pods_read_at_start(beside: Beside) -> bool:
    """Return whether pods may have read one of the objects when they started, and must start anew to see it changed."""
    return any(name.startswith("configmap/") for name in beside)
