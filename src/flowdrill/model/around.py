"""What is around the target: the namespace's other workloads, and the nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another workload of the target's namespace."""

    name: str  # deployment/NAME
    ready: int  # replicas
    wanted: int
    rolling: bool = False  # a rollout of its own is under way

    def gone(self) -> Neighbour:
        """Return it as somebody's deletion leaves it: nobody wants it to be ready any more."""
        return replace(self, ready=0, wanted=0)


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node: ready, or why it is not."""

    name: str
    ready: bool
    says: str = ""

    def gone(self) -> NodeState:
        """Return it as it is when the cluster no longer has it."""
        return replace(self, ready=False, says="it is gone from the cluster")


Surrounding = Neighbour | NodeState
