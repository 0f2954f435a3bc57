"""What a drill puts in the way of its own rollback, to see whether the brake holds all the same."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict


class ObstacleKind(StrEnum):
    """Everything that can be put in the way."""

    STABLE_IMAGE_DELETED = "stable-image-deleted"
    REVISION_PRUNED = "revision-pruned"
    PERMISSION_REMOVED = "permission-removed"
    REGISTRY_DOWN = "registry-down"
    ROLLOUT_PAUSED = "rollout-paused"
    DISRUPTION_BUDGET = "disruption-budget"
    CONTROLLER_REVERTS = "controller-reverts"


AFTER_THE_ROLLOUT = frozenset(
    {ObstacleKind.REVISION_PRUNED, ObstacleKind.REGISTRY_DOWN, ObstacleKind.ROLLOUT_PAUSED}
)  # those that would keep the broken release itself from being rolled out, or need that it is
KEEPS_PODS_FROM_PULLING = frozenset({ObstacleKind.STABLE_IMAGE_DELETED, ObstacleKind.REGISTRY_DOWN})


class _Simple(Strict):
    """An obstacle about which there is nothing to choose."""


class StableImageDeleted(_Simple):
    """The stable image's manifest and its tags are deleted from the registry. Only nodes that must pull notice."""

    kind: Literal["stable-image-deleted"]


class RevisionPruned(_Simple):
    """The revision that holds the stable template is deleted, once it has no pods."""

    kind: Literal["revision-pruned"]


class PermissionRemoved(_Simple):
    """The RoleBindings that let the responder patch the workload are deleted."""

    kind: Literal["permission-removed"]


class RolloutPaused(_Simple):
    """The Deployment's rollout is paused, once the broken release is everywhere."""

    kind: Literal["rollout-paused"]


class DisruptionBudget(_Simple):
    """A PodDisruptionBudget allows no eviction of the workload's pods."""

    kind: Literal["disruption-budget"]


class ControllerReverts(_Simple):
    """Something that behaves as a GitOps controller does puts the broken image back as soon as there is another."""

    kind: Literal["controller-reverts"]


_Command = tuple[Annotated[str, Field(min_length=1)], ...]


class RegistryDown(Strict):
    """The registry is away. How to do that only its owner knows; the embedded cluster's own needs no commands."""

    kind: Literal["registry-down"]
    down: _Command = Field(default=(), description="program and arguments, run in the drill file's folder")
    up: _Command = Field(default=(), description="undoes it; it must do no harm when there is nothing to undo")
    limit: Seconds = Field(default="60s", validate_default=True, description="how long each of the two may take")

    @model_validator(mode="after")
    def _both_ways(self) -> Self:
        if bool(self.down) != bool(self.up):
            raise ValueError("`down` and `up` need each other: what is taken down must come up again")
        return self


ObstaclePlan = Annotated[
    StableImageDeleted
    | RevisionPruned
    | PermissionRemoved
    | RegistryDown
    | RolloutPaused
    | DisruptionBudget
    | ControllerReverts,
    Field(discriminator="kind"),
]
