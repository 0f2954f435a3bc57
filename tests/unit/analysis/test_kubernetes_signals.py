"""What Kubernetes itself says of a broken release: crashes, pulls, lost readiness, a stalled rollout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdrill.analysis.kubernetes_signals import kubernetes_signals
from flowdrill.model.kubernetes_signals import KubernetesSignal, SignalKind
from flowdrill.model.workload import PodSnapshot, WorkloadKind, WorkloadSnapshot

BROKEN, STABLE = "app@sha256:2", "app@sha256:1"
POD = PodSnapshot(
    name="app-2-x", uid="u", image=BROKEN, image_digest=None, template_hash="2", scheduled=True, pulled=True,
    started=True, ready=True, in_endpoints=True, deleting=False, restarts=0, waiting_reason=None,
)  # fmt: skip


def workload(*pods: PodSnapshot, **changed: Any) -> WorkloadSnapshot:
    seen = WorkloadSnapshot(
        kind=WorkloadKind.DEPLOYMENT, namespace="shop", name="app", uid="w", generation=2, observed_generation=2,
        wanted_replicas=2, replicas=2, updated_replicas=1, ready_replicas=2, available_replicas=2, paused=False,
        on_delete=False, containers=("flow",), image=BROKEN, change_cause=None, pods=pods,
    )  # fmt: skip
    return replace(seen, **changed)


def failure(seen: WorkloadSnapshot, ready_once: frozenset[str] = frozenset()) -> str | None:
    """What the detector says."""
    found = kubernetes_signals(seen, ready_once, BROKEN)
    return next((one.described() for one in found if one.kind.is_failure), None)


def signal(ready_once: frozenset[str] = frozenset(), **changed: Any) -> str | None:
    return failure(workload(replace(POD, **changed)), ready_once)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ended": "OOMKilled (exit code 137)"}, "pod app-2-x: OOMKilled (exit code 137)"),
        ({"ended": "Error (exit code 1)", "waiting_reason": "CrashLoopBackOff"}, "pod app-2-x: Error (exit code 1)"),
        ({"waiting_reason": "ImagePullBackOff", "started": False, "ready": False}, "pod app-2-x: ImagePullBackOff"),
        ({"waiting_reason": "CreateContainerConfigError"}, "pod app-2-x: CreateContainerConfigError"),
        ({"restarts": 2}, "pod app-2-x: restarted 2 times"),
    ],
)
def test_a_pod_of_the_broken_release_that_fails_is_named(changed: dict[str, Any], said: str) -> None:
    assert signal(**changed) == said


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ready": False},
        {"ready": False, "started": False, "waiting_reason": "ContainerCreating"},
        {"ended": "Error (exit code 1)", "image": STABLE},
        {"ended": "Error (exit code 143)", "deleting": True},
    ],
)
def test_what_is_no_failure_of_the_broken_release_is_no_signal(changed: dict[str, Any]) -> None:
    assert signal(**changed) is None


def test_readiness_that_is_lost_is_a_signal_for_pods_that_had_it() -> None:
    assert signal(frozenset({"u"}), ready=False) == "pod app-2-x: was ready and no longer is"
    assert signal(frozenset({"other"}), ready=False) is None
    assert signal(frozenset({"u"}), ready=True) is None
    assert signal(frozenset({"u"}), ready=False, started=False) is None


def test_a_rollout_that_stalls_is_a_signal_while_the_broken_image_is_the_template_s() -> None:
    unready = replace(POD, ready=False)
    assert failure(workload(unready, stalled=True)) == "the rollout exceeded its progress deadline"
    assert failure(workload(unready, stalled=True, image=STABLE)) is None


def test_the_first_failing_pod_is_named() -> None:
    pods = (POD, replace(POD, name="app-2-y", restarts=1), replace(POD, name="app-2-z", restarts=1))
    assert failure(workload(*pods)) == "pod app-2-y: restarted 1 times"


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"ended": "OOMKilled (exit code 137)", "restarts": 1, "waiting_reason": "CrashLoopBackOff"},
         [SignalKind.OOM_KILL, SignalKind.CRASH_LOOP, SignalKind.RESTART]),
        ({"ended": "Error (exit code 1)"}, [SignalKind.CONTAINER_ENDED]),
        ({"waiting_reason": "ErrImagePull"}, [SignalKind.IMAGE_PULL_FAILURE]),
        ({"waiting_reason": "RunContainerError"}, [SignalKind.CONTAINER_NOT_CREATED]),
        ({"waiting_reason": "ContainerCreating"}, []),
        ({"ready": False, "failed_probe": "Readiness probe failed"}, [SignalKind.PROBE_FAILED]),
    ],
)  # fmt: skip
def test_each_kind_of_signal_is_told_apart(changed: dict[str, Any], kinds: list[SignalKind]) -> None:
    found = kubernetes_signals(workload(replace(POD, **changed)), frozenset(), BROKEN)
    assert [one.kind for one in found] == kinds


def test_a_probe_that_fails_while_a_pod_starts_is_shown_and_is_no_failure() -> None:
    seen = workload(replace(POD, ready=False, failed_probe="Readiness probe failed: 503"))
    assert kubernetes_signals(seen, frozenset(), BROKEN) == (
        KubernetesSignal(SignalKind.PROBE_FAILED, "app-2-x", "Readiness probe failed: 503"),
    )
    assert failure(seen) is None
    assert failure(seen, frozenset({"u"})) == "pod app-2-x: was ready and no longer is"
