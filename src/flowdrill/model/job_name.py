"""The names of the Jobs that a drill makes. One drill at a time is on a workload, and so is one Job of each kind."""

from __future__ import annotations

import hashlib

from flowdrill.model.drill import Target

_LONGEST = 63  # characters of a Job's name, which is a label of its pods


def job_name(kind: str, target: Target) -> str:
    """Return `flowdrill-KIND-deployment-NAME`, and where that is too long its begin and a digest of it."""
    name = f"flowdrill-{kind}-{target.kind}-{target.name}".replace(".", "-")
    if len(name) <= _LONGEST and "." not in target.name:
        return name
    digest = hashlib.sha256(target.workload.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-')}-{digest}"
