"""The Job that guards a run from within the cluster. One drill at a time is on a workload, and so is one such Job."""

from __future__ import annotations

import hashlib

from flowdrill.model.drill import Target

ROLE = "guard-in-cluster"  # as which it holds the drill's Lease
_LONGEST = 63  # characters of a Job's name, which is a label of its pods


def guard_job_name(target: Target) -> str:
    """Return the Job's name: `flowdrill-guard-KIND-NAME`, and where that is too long its begin and a digest of it."""
    name = f"flowdrill-guard-{target.kind}-{target.name}".replace(".", "-")
    if len(name) <= _LONGEST and "." not in target.name:
        return name
    digest = hashlib.sha256(target.workload.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-')}-{digest}"


def account_user(namespace: str, service_account: str) -> str:
    """Return the user that a service account is to the API server."""
    return f"system:serviceaccount:{namespace}:{service_account}"
