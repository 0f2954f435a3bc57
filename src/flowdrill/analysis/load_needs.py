"""What a load that is sent from the cluster needs to be allowed: by the harness, and by whoever cleans up after it."""

from __future__ import annotations

from dataclasses import replace

from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import Target
from flowdrill.model.load_job import master_job_name, worker_job_name

_JOB = AccessQuestion("", "batch", "jobs")
_POLICY = AccessQuestion("", "networking.k8s.io", "networkpolicies")

Ask = tuple[tuple[str, ...], AccessQuestion, str]  # verbs, of what, what for


def load_questions(target: Target) -> tuple[Ask, ...]:
    """Return what sending it needs. Opening a WebSocket is a GET: API servers before 1.35 ask whether whoever sends it
    may `get`, newer ones whether they may `create`, too."""
    forward = AccessQuestion("", "", "pods", "portforward")
    return (
        (("create",), _JOB, "to start the load's master and workers"),
        (("create",), _POLICY, "to keep everybody but its workers away from the load's master"),
        (("create", "get"), forward, "to hear from the load's master, and to be heard"),
        *removal_questions(target),
    )


def removal_questions(target: Target) -> tuple[Ask, ...]:
    """Return what taking it away needs."""
    master, why = master_job_name(target), "to take the load's pods away again"
    named = (replace(_JOB, name=master), replace(_JOB, name=worker_job_name(target)), replace(_POLICY, name=master))
    return tuple((("get", "delete"), one, why) for one in named)
