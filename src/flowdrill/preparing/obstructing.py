"""From a drill's `obstacles` to what puts them in the way: some are on the cluster, some at the registry."""

from __future__ import annotations

from pathlib import Path

from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload
from flowdrill.edges.registry.deleted_image import StableImageDeleted
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.registry.registry_down import EmbeddedRegistryDown, RegistryDownByCommand, RegistryDownUnknown
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.model.drill import Drill
from flowdrill.model.obstacle_plan import (
    DisruptionBudget,
    ObstacleKind,
    ObstaclePlan,
    RegistryDown,
    RolloutPaused,
)
from flowdrill.model.undo import Undo

_HARMLESS: dict[str, ObstaclePlan] = {
    ObstacleKind.ROLLOUT_PAUSED: RolloutPaused(kind="rollout-paused"),
    ObstacleKind.DISRUPTION_BUDGET: DisruptionBudget(kind="disruption-budget"),
}


def obstacles_of(
    drill: Drill, workload: KubernetesWorkload, registry: ImageRegistry, near: Path, registry_switch: Path | None
) -> tuple[Obstacle, ...]:
    """Return the drill's obstacles, in its order. Commands run in `near`, the drill file's folder; `registry_switch` is
    the embedded cluster's."""
    return tuple(_obstacle(plan, workload, registry, near, registry_switch) for plan in drill.obstacles)


def _obstacle(
    plan: ObstaclePlan, workload: KubernetesWorkload, registry: ImageRegistry, near: Path, registry_switch: Path | None
) -> Obstacle:
    on_cluster = workload.obstacle(plan)
    if on_cluster is not None:
        return on_cluster
    if not isinstance(plan, RegistryDown):
        return StableImageDeleted(registry, workload.pull_policy)
    if plan.down:
        return RegistryDownByCommand(plan, near)
    return RegistryDownUnknown() if registry_switch is None else EmbeddedRegistryDown(registry_switch)


def recallable_obstacles(undo: Undo, workload: KubernetesWorkload) -> tuple[Obstacle, ...]:
    """Return those of a run's obstacles that can be taken away by what its undo tells, whoever has written it: what
    only ends a pause, or deletes what bears the run's label. No right is given back, and no command run, by such
    words."""
    found = (workload.obstacle(_HARMLESS[one.obstacle]) for one in undo.obstacles if one.obstacle in _HARMLESS)
    return tuple(one for one in found if one is not None)
