"""The detector that looks at the workload instead of its answers: what Kubernetes itself says of a broken release."""

from __future__ import annotations

from flowdrill.model.workload import PodSnapshot, WorkloadSnapshot

_FAILED_WAITS = frozenset(
    {
        "CrashLoopBackOff",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


def kubernetes_signal(seen: WorkloadSnapshot, ready_once: frozenset[str], broken_image: str) -> str | None:
    """Return what shows that the release with `broken_image` fails, or None. `ready_once` holds the uids of the pods
    that were ready at some earlier moment."""
    for pod in seen.pods:
        if pod.image == broken_image and not pod.deleting:
            failure = pod_failure(pod, ready_once)
            if failure is not None:
                return f"pod {pod.name}: {failure}"
    if seen.stalled and seen.image == broken_image:
        return "the rollout exceeded its progress deadline"
    return None


def pod_failure(pod: PodSnapshot, ready_once: frozenset[str]) -> str | None:
    """Return what shows that one pod fails, or None; `ready_once` as above."""
    if pod.ended is not None:
        return pod.ended
    if pod.waiting_reason in _FAILED_WAITS:
        return str(pod.waiting_reason)
    if pod.restarts:
        return f"restarted {pod.restarts} times"
    if pod.started and not pod.ready and pod.uid in ready_once:
        return "was ready and no longer is"
    return None
