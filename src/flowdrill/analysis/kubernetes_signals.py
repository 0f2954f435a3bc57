"""The detector that looks at the workload instead of its answers: what Kubernetes itself says of a broken release."""

from __future__ import annotations

from collections.abc import Iterator

from flowdrill.model.kubernetes_signals import KubernetesSignal, SignalKind
from flowdrill.model.workload import PodSnapshot, WorkloadSnapshot

_WAITS = {
    "CrashLoopBackOff": SignalKind.CRASH_LOOP,
    **dict.fromkeys(
        ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"),
        SignalKind.IMAGE_PULL_FAILURE,
    ),
    **dict.fromkeys(
        ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"), SignalKind.CONTAINER_NOT_CREATED
    ),
}
_OOM = "OOMKilled"


def kubernetes_signals(
    seen: WorkloadSnapshot, ready_once: frozenset[str], broken_image: str
) -> tuple[KubernetesSignal, ...]:
    """Return everything that is said now of the release with `broken_image`, by pod. `ready_once` holds the uids of the
    pods that were ready at some earlier moment."""
    pods = [pod for pod in seen.pods if pod.image == broken_image and not pod.deleting]
    found = [one for pod in pods for one in pod_signals(pod, ready_once)]
    if seen.stalled and seen.image == broken_image:
        says = "the rollout exceeded its progress deadline"
        found.append(KubernetesSignal(SignalKind.PROGRESS_DEADLINE, None, says))
    return tuple(found)


def pod_signals(pod: PodSnapshot, ready_once: frozenset[str]) -> Iterator[KubernetesSignal]:
    """Yield what is said of one pod, what explains most first; `ready_once` as above."""
    if pod.ended is not None:
        kind = SignalKind.OOM_KILL if pod.ended.startswith(_OOM) else SignalKind.CONTAINER_ENDED
        yield KubernetesSignal(kind, pod.name, pod.ended)
    if pod.waiting_reason in _WAITS:
        yield KubernetesSignal(_WAITS[pod.waiting_reason], pod.name, pod.waiting_reason)
    if pod.restarts:
        yield KubernetesSignal(SignalKind.RESTART, pod.name, f"restarted {pod.restarts} times")
    if pod.started and not pod.ready and pod.uid in ready_once:
        yield KubernetesSignal(SignalKind.READINESS_LOST, pod.name, "was ready and no longer is")
    if pod.failed_probe is not None:
        yield KubernetesSignal(SignalKind.PROBE_FAILED, pod.name, pod.failed_probe)


def pod_failure(pod: PodSnapshot, ready_once: frozenset[str]) -> str | None:
    """Return what shows that one pod fails, or None; `ready_once` as above."""
    return next((one.says for one in pod_signals(pod, ready_once) if one.kind.is_failure), None)
