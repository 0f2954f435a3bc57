"""Puts back the data that a release has changed, where its scenario says how: one rollout of an image of its own."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.kubernetes_signals import pod_failure
from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.lookout import taken_over
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import RestorePorts
from flowdrill.engine.release_setting import restore_release
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadSnapshot


def recover_data_once(undo: Undo, ports: RestorePorts, tell: Narrator) -> str | None:
    """Look, and roll the recovery image out where it is not yet; return what keeps any other image from being gone, or
    None. TakenOverError when somebody else has deployed."""
    assert undo.recovery is not None  # noqa: S101 - for the type checker
    image = undo.recovery.reference
    seen = ports.workload.snapshot()
    if not undo.owns(seen.image):
        raise taken_over(seen)
    if seen.image != str(image):
        served = [pod for pod in seen.pods if pod.image == str(image) and not pod.deleting]
        restore_release(str(image), "flowdrill: put the data back", undo.fields, ports, tell)
        for pod in served:  # it put the data back when it started, and would not do it again
            ports.workload.delete_pod(pod.name, pod.uid)
        seen = ports.workload.snapshot()
    problem = not_on_digest_because(seen, {str(image.digest)})
    if problem is not None:
        broken = () if undo.broken is None else (str(undo.broken.reference),)
        free_stuck_pods([*broken, *undo.spellings], ports, tell)
    return None if problem is None else f"the data is not put back yet: {problem}"


def stable_pod_failure(undo: Undo, seen: WorkloadSnapshot) -> str | None:
    """Return what shows that a pod of the stable image fails, or None."""
    stable = (pod for pod in seen.pods if undo.is_stable(pod.image) and not pod.deleting)
    failures = (pod_failure(pod, frozenset()) for pod in stable)
    return next((one for one in failures if one is not None), None)


def free_stuck_pods(images: Iterable[str], ports: RestorePorts, tell: Narrator) -> None:
    """Delete the pods of `images` that a StatefulSet would wait for for ever."""
    for image in images:
        for name in ports.workload.free_stuck_pods(image):
            tell.note(f"deleted pod {name}: it ran {image}, and its StatefulSet would have waited for it")


class PullRetry:
    """Replaces pods that wait before they pull the stable image again, which takes up to five minutes, once nothing
    keeps them from it any more: the drill itself is why they wait."""

    _WAITING = frozenset({"ImagePullBackOff", "ErrImagePull"})

    def __init__(self, undo: Undo, ports: RestorePorts, tell: Narrator) -> None:
        self._undo, self._ports, self._tell = undo, ports, tell
        self._before = frozenset(undo.pods)
        self._replaced: set[str] = set()

    def try_again(self) -> None:
        """Delete each such pod once; its controller makes a new one, which pulls at once."""
        for pod in self._ports.workload.snapshot().pods:
            waits = pod.waiting_reason in self._WAITING and not pod.deleting
            if not waits or not self._undo.is_stable(pod.image) or pod.uid in self._before | self._replaced:
                continue
            self._replaced.add(pod.uid)
            self._ports.workload.delete_pod(pod.name, pod.uid)
            self._tell.note(f"deleted pod {pod.name}: it waited to pull the stable image, which is there again")
