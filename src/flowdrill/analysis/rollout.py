"""What a workload's snapshot says about its rollout: pure predicates for waits and checks."""

from __future__ import annotations

from collections.abc import Collection

from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.workload import PodSnapshot, WorkloadSnapshot


def pod_digest(pod: PodSnapshot) -> str | None:
    """Return the digest the pod runs: what the kubelet reports, else what its specification pins, else None."""
    if pod.image_digest is not None:
        return pod.image_digest
    try:
        return parse_image_reference(pod.image).digest
    except ValueError:
        return None


def unsettled_because(seen: WorkloadSnapshot) -> str | None:
    """Return why the rollout is not complete, or None: generation observed, every replica updated and available, no
    old replica left (what `kubectl rollout status` waits for)."""
    if seen.observed_generation < seen.generation:
        return f"the controller has not yet seen generation {seen.generation}"
    counts = (seen.replicas, seen.updated_replicas, seen.ready_replicas, seen.available_replicas)
    if any(count != seen.wanted_replicas for count in counts):
        return seen.described()
    return None


def is_rolled_out(seen: WorkloadSnapshot | None, image: str) -> bool:
    """Whether the workload has this image, and every replica of it is updated and available."""
    return seen is not None and seen.image == image and unsettled_because(seen) is None


def not_on_digest_because(seen: WorkloadSnapshot, digests: Collection[str]) -> str | None:
    """Return what keeps the workload from running only `digests`, or None when every pod does and none is leaving."""
    unsettled = unsettled_because(seen)
    if unsettled:
        return unsettled
    for pod in seen.pods:
        digest = pod_digest(pod)
        if digest not in digests:
            return f"pod {pod.name} {'still ' if pod.deleting else ''}runs {digest or pod.image}"
    ready = sum(pod.ready and not pod.deleting for pod in seen.pods)
    if ready < seen.wanted_replicas:
        return f"{ready}/{seen.wanted_replicas} pods ready"
    return None


def running_digests(seen: WorkloadSnapshot) -> frozenset[str]:
    """Return the digests of the pods that are not being deleted; pods whose digest is not known are left out."""
    return frozenset(d for pod in seen.pods if not pod.deleting and (d := pod_digest(pod)) is not None)
