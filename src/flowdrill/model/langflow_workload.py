"""A container on the cluster that runs LangFlow, as an audit of images needs it."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.drill import Target
from flowdrill.model.workload import WorkloadKind


@dataclass(frozen=True, slots=True)
class LangFlowWorkload:
    """One container of a Deployment or StatefulSet that looks like LangFlow."""

    namespace: str
    kind: WorkloadKind
    name: str
    container: str
    image: str  # as in the workload's template
    digests: tuple[str, ...] | None  # that its pods run, sorted; None: they may not be read
    because: tuple[str, ...]  # what it was taken for LangFlow by, in words

    @property
    def label(self) -> str:
        """`deployment/NAME`."""
        return f"{self.kind}/{self.name}"

    def target(self) -> Target:
        """Return it as a drill's target."""
        return Target(namespace=self.namespace, workload=self.label, container=self.container)
