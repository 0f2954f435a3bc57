"""Keeps a run from believing an old answer: a cache in between, or an API server that lags behind, may show a workload
as it was before the break, and then there seems to be nothing to put back."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Json
from flowdrill.errors import ClusterAwayError
from flowdrill.model.json_shapes import inside


class Freshness:
    """The newest generation of each workload that any answer has had. Generations only ever grow, and may be compared
    (resource versions may not, before Kubernetes 1.35)."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}  # by uid

    def note(self, workload: Json) -> None:
        """Remember how new an answer was."""
        uid, generation = _age(workload)
        self._newest[uid] = max(generation, self._newest.get(uid, 0))

    def refuse_older(self, workload: Json) -> None:
        """ClusterAwayError when an earlier answer was newer."""
        uid, generation = _age(workload)
        newest = self._newest.get(uid, 0)
        if generation < newest:
            raise ClusterAwayError(
                f"the API server answered with an old state of the workload: generation {generation} after {newest}",
                "something between here and the API server keeps old answers, or one of its servers lags behind",
            )
        self.note(workload)


def _age(workload: Json) -> tuple[str, int]:
    meta = inside(workload, "metadata")
    generation = meta.get("generation")
    return str(meta.get("uid")), generation if isinstance(generation, int) else 0
