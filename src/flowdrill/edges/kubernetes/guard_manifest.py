"""The Job that guards a run from within the cluster: what it runs, and as whom."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.provider_manifest import MANAGED_BY
from flowdrill.edges.kubernetes.restricted_pod import restricted_container, restricted_pod
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.guard_plan import InClusterGuard
from flowdrill.model.run_label import RUN_LABEL, run_label

_LONGEST_SECONDS = 24 * 3600  # no drill takes as long; a Job that nobody takes away ends then
_KEPT_SECONDS = 3600  # so long its log stays to be read
_TRIES = 100  # pods of it that may be evicted, or end by themselves, until the Job gives up


@dataclass(frozen=True, slots=True)
class GuardedRun:
    """What the Job is told of the run. It believes an undo on the Lease only if it is the one of this digest."""

    run_id: str
    undo_digest: str


def guard_manifest(plan: InClusterGuard, target: Target, access: RegistryAccess, run: GuardedRun, like: Json) -> Json:
    """Return the Job. Its pod meets the restricted Pod Security standard, and has the pull secrets of the target's pod,
    `like`, and its user where that is not root."""
    labels = MANAGED_BY | {RUN_LABEL: run_label(run.run_id)}
    told = {RUN_LABEL: run.run_id}
    pods = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"} | told
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": guard_job_name(target), "labels": labels, "annotations": told},
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": _TRIES,
            "activeDeadlineSeconds": _LONGEST_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels, "annotations": pods},
                "spec": _pod(plan, target, access, run, like),
            },
        },
    }


def _pod(plan: InClusterGuard, target: Target, access: RegistryAccess, run: GuardedRun, like: Json) -> Json:
    return {
        "restartPolicy": "Never",  # the Job makes another pod, on another node if need be
        "serviceAccountName": plan.service_account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        **restricted_pod(like, target.container),
        "containers": [_container(plan, target, access, run)],
    }


def _container(plan: InClusterGuard, target: Target, access: RegistryAccess, run: GuardedRun) -> Json:
    command = ["python3", "-u", "-m", "flowdrill.standing_in.guarding", "--in-cluster"]
    arguments = ["--namespace", target.namespace, "--workload", target.workload]
    arguments += ["--run", run.run_id, "--undo-digest", run.undo_digest]
    return {
        "name": "guard",
        "image": plan.image,
        "command": command,
        "args": arguments + (["--plain-http"] if access.plain_http else []),
        "resources": {"requests": {"memory": "96Mi", "cpu": "50m"}, "limits": {"memory": "256Mi", "cpu": "1"}},
        "securityContext": restricted_container(),
    }
