"""What Kubernetes says of the target, frozen at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WorkloadKind(StrEnum):
    """The kinds of workload a drill can break and roll back."""

    DEPLOYMENT = "deployment"
    STATEFULSET = "statefulset"


@dataclass(frozen=True, slots=True)
class PodSnapshot:
    """One pod of the workload, as far as the drill needs it; booleans say "has happened", read from its conditions."""

    name: str
    uid: str
    image: str  # as in the pod's spec, for the target container
    image_digest: str | None  # sha256:… as the kubelet reports it; None until the container has started once
    template_hash: str | None  # pod-template-hash or controller-revision-hash
    scheduled: bool
    pulled: bool  # the kubelet said that the image is on the node
    started: bool  # the target container is running
    ready: bool  # the pod's Ready condition
    in_endpoints: bool  # a Service sends it traffic
    deleting: bool
    restarts: int
    waiting_reason: str | None  # ImagePullBackOff, CrashLoopBackOff …
    ended: str | None = None  # how the target container last ended: "OOMKilled (exit code 137)"
    failed_probe: str | None = None  # what the first event about a failed probe of the target container says


@dataclass(frozen=True, slots=True)
class FieldManager:
    """Who the API server says has set a field, by metadata.managedFields: a program, not a person."""

    manager: str  # kubectl-set, helm, argocd-controller …
    operation: str  # Update or Apply
    at: str | None  # the API server's time, in whole seconds, as it writes it


@dataclass(frozen=True, slots=True)
class WorkloadSnapshot:
    """The workload and its pods. Counts are the status fields of the same name in Kubernetes."""

    kind: WorkloadKind
    namespace: str
    name: str
    uid: str
    generation: int
    observed_generation: int
    wanted_replicas: int
    replicas: int
    updated_replicas: int
    ready_replicas: int
    available_replicas: int
    paused: bool
    on_delete: bool  # a StatefulSet whose update strategy is OnDelete does not roll by itself
    containers: tuple[str, ...]
    image: str  # of the target container, in the workload's template
    change_cause: str | None
    pods: tuple[PodSnapshot, ...]
    stalled: bool = False  # a Deployment whose rollout exceeded its progress deadline
    image_set_by: FieldManager | None = None  # of the target container's image; None where the server does not say
    template_digest: str | None = None  # of the whole pod template: two equal ones are the same template

    def described(self) -> str:
        """Return one line for waits and errors: `2/3 replicas updated, 2 available, generation 7 (seen: 6)`."""
        waiting = sorted({f"{p.name}: {p.waiting_reason}" for p in self.pods if p.waiting_reason})
        generation = (
            "" if self.generation == self.observed_generation else f", generation {self.generation} not yet seen"
        )
        return (
            f"{self.updated_replicas}/{self.wanted_replicas} replicas updated, {self.ready_replicas} ready, "
            f"{self.available_replicas} available{generation}" + (f" ({'; '.join(waiting)})" if waiting else "")
        )
