"""What Kubernetes itself says of a release that does not work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SignalKind(StrEnum):
    """The kinds of such signals."""

    CONTAINER_ENDED = "container ended"
    OOM_KILL = "OOM kill"
    RESTART = "restart"
    CRASH_LOOP = "crash loop"
    IMAGE_PULL_FAILURE = "image pull failure"
    CONTAINER_NOT_CREATED = "container cannot be created"
    PROBE_FAILED = "failed probe"  # as an event tells it: a pod that still starts fails probes, too
    READINESS_LOST = "readiness lost"
    PROGRESS_DEADLINE = "progress deadline exceeded"

    @property
    def is_failure(self) -> bool:
        """Whether it says that the release fails. A probe may fail while a pod starts slowly, and once in a while: what
        comes of it (readiness lost, a restart, the deadline) says more."""
        return self is not SignalKind.PROBE_FAILED


@dataclass(frozen=True, slots=True)
class KubernetesSignal:
    """One signal; `pod` is None for what the whole workload says."""

    kind: SignalKind
    pod: str | None
    says: str

    def described(self) -> str:
        """Return it in a line: `pod app-2-x: CrashLoopBackOff`."""
        return self.says if self.pod is None else f"pod {self.pod}: {self.says}"
