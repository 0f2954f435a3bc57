"""The Jobs that send a drill's load from within the cluster: one of Locust's master, one of its workers."""

from __future__ import annotations

from flowdrill.model.drill import Target
from flowdrill.model.job_name import job_name

MASTER, WORKER = "master", "worker"  # values of the label by which their pods are told apart
PART_LABEL = "flowdrill.dev/load"
RELAY_PORT = 8089  # of the master's pod, on loopback: `port-forward` reaches it, and no other pod
LOCUST_PORT = 5557  # of the master's pod, for its workers alone
_GRACE_SECONDS = 600.0  # beside the drill's own limit


def master_job_name(target: Target) -> str:
    """Return the name of the master's Job, which owns all else: the NetworkPolicy has the same name."""
    return job_name("load", target)


def worker_job_name(target: Target) -> str:
    """Return the name of the workers' Job."""
    return job_name("loaders", target)


def longest_seconds(wall_clock_limit_seconds: float) -> int:
    """Return after how long Kubernetes ends the Jobs of a drill, whatever became of everybody else."""
    return int(wall_clock_limit_seconds + _GRACE_SECONDS)
