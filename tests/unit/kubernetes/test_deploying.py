from __future__ import annotations

from flowdrill.edges.kubernetes.deploying import _reasons
from tests.unit.kubernetes.objects import pod


def test_why_pods_wait_stands_apart_from_the_counts() -> None:
    waiting = [pod(waiting={"reason": reason}) for reason in ("ImagePullBackOff", "CrashLoopBackOff", "ErrImagePull")]
    assert _reasons(waiting, "flow") == " (CrashLoopBackOff, ErrImagePull, ImagePullBackOff)"
    assert _reasons([pod()], "flow") == ""
