"""The Job that guards a run from within the cluster."""

from __future__ import annotations

from flowdrill.model.drill import Target
from flowdrill.model.job_name import job_name

ROLE = "guard-in-cluster"  # as which it holds the drill's Lease


def guard_job_name(target: Target) -> str:
    """Return the Job's name."""
    return job_name("guard", target)


def account_user(namespace: str, service_account: str) -> str:
    """Return the user that a service account is to the API server."""
    return f"system:serviceaccount:{namespace}:{service_account}"
