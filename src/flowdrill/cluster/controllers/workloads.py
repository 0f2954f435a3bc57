"""The controllers of workloads."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.controllers.deployments import DeploymentController
from flowdrill.cluster.controllers.loop import Controller
from flowdrill.cluster.controllers.replica_sets import ReplicaSetController
from flowdrill.cluster.controllers.stateful_sets import StatefulSetController


def workload_controllers(objects: Objects) -> tuple[Controller, ...]:
    """Return them all."""
    return (DeploymentController(objects), ReplicaSetController(objects), StatefulSetController(objects))
