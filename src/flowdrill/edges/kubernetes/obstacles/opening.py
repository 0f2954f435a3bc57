"""From a drill's plan to what stands in the way on the cluster."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.obstacles.controller_reverts import ControllerReverts
from flowdrill.edges.kubernetes.obstacles.disruption_budget import NoEvictions
from flowdrill.edges.kubernetes.obstacles.permission_removed import PermissionRemoved
from flowdrill.edges.kubernetes.obstacles.revision_pruned import RevisionPruned
from flowdrill.edges.kubernetes.obstacles.rollout_paused import RolloutPaused
from flowdrill.edges.kubernetes.responder import Responder
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.model.obstacle_plan import ObstacleKind, ObstaclePlan


def obstacle_on(api: Api, target: FoundTarget, responder: Responder, plan: ObstaclePlan) -> Obstacle | None:
    """Return what `plan` names; None for what is not on the cluster, but at the registry."""
    match ObstacleKind(plan.kind):
        case ObstacleKind.ROLLOUT_PAUSED:
            return RolloutPaused(api, target)
        case ObstacleKind.REVISION_PRUNED:
            return RevisionPruned(api, target)
        case ObstacleKind.DISRUPTION_BUDGET:
            return NoEvictions(api, target)
        case ObstacleKind.CONTROLLER_REVERTS:
            return ControllerReverts(api, target)
        case ObstacleKind.PERMISSION_REMOVED:
            assert responder.subject is not None  # noqa: S101 - a drill without `rollback.as` cannot be read
            return PermissionRemoved(api, responder.api, target, responder.subject)
        case ObstacleKind.STABLE_IMAGE_DELETED | ObstacleKind.REGISTRY_DOWN:
            return None
