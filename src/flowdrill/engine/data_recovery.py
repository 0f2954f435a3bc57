"""Puts back the data that a release has changed, where its scenario says how: one rollout of an image of its own."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.kubernetes_signals import pod_failure
from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.lookout import taken_over
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.engine.release_setting import restore_release
from flowdrill.model.workload import WorkloadSnapshot


def recover_data_once(cleared: Cleared, ports: Ports, tell: Narrator) -> str | None:
    """Look, and roll the recovery image out where it is not yet; return what keeps any other image from being gone, or
    None. TakenOverError when somebody else has deployed."""
    assert cleared.recovery is not None  # noqa: S101 - for the type checker
    image = cleared.recovery.image.reference
    seen = ports.workload.snapshot()
    if seen.image not in cleared.own_images:
        raise taken_over(seen)
    if seen.image != str(image):
        restore_release(str(image), "flowdrill: put the data back", cleared.release, ports, tell)
        seen = ports.workload.snapshot()
    problem = not_on_digest_because(seen, {str(image.digest)})
    if problem is not None:
        free_stuck_pods([str(cleared.broken.image.reference), *sorted(cleared.stable.images)], ports, tell)
    return None if problem is None else f"the data is not put back yet: {problem}"


def stable_pod_failure(cleared: Cleared, seen: WorkloadSnapshot) -> str | None:
    """Return what shows that a pod of the stable image fails, or None."""
    stable = (pod for pod in seen.pods if pod.image in cleared.stable.images and not pod.deleting)
    failures = (pod_failure(pod, frozenset()) for pod in stable)
    return next((one for one in failures if one is not None), None)


def free_stuck_pods(images: Iterable[str], ports: Ports, tell: Narrator) -> None:
    """Delete the pods of `images` that a StatefulSet would wait for for ever."""
    for image in images:
        for name in ports.workload.free_stuck_pods(image):
            tell.note(f"deleted pod {name}: it ran {image}, and its StatefulSet would have waited for it")
