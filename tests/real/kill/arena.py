"""Where the drills are that are killed: a cluster, a service on it, and what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flowdrill.cluster.lifecycle import RunningCluster
from tests.contract.conftest import Place
from tests.real.kill.running import Around, RunningDrill, drill_of
from tests.real.kill.stage import Awaited, Stage, stage_on
from tests.real.kill.who_wrote import Write, writes_of_flowdrill


@dataclass
class Arena:
    """A cluster, a service on it, and drills of that, one after the other."""

    place: Place
    folder: Path
    cluster: RunningCluster | None  # None: a real Kubernetes
    waits: dict[str, list[Awaited]] = field(default_factory=dict)  # whose kill -> what came of it
    _stack: ExitStack = field(default_factory=ExitStack)
    _stage: Stage | None = None
    _count: int = 0

    @property
    def current(self) -> Stage:
        """The service that is drilled."""
        assert self._stage is not None
        return self._stage

    @contextmanager
    def drill(self, around: Around) -> Iterator[RunningDrill]:
        """A drill that has just begun: of the same service as before where that is as it was, else of another one."""
        self._count += 1
        if self._stage is None or self._stage.problems():
            self._stack.close()
            self._stage = self._stack.enter_context(stage_on(self.place, self.folder / f"stage-{self._count}"))
        with drill_of(self._stage, self.place, self.folder / f"drill-{self._count}", around) as drill:
            yield drill

    def writes(self, drill: RunningDrill) -> list[Write]:
        """What flowdrill's processes have written during this drill, as far as there is an audit log."""
        if self.cluster is None:
            return []
        namespace = self.current.stand.play.namespace
        return writes_of_flowdrill(self.cluster.folder.audit_log, namespace, drill.began)

    def writes_told(self, drill: RunningDrill) -> str:
        return "\n".join(("audit log:", *map(str, self.writes(drill))))

    def noted(self, whose: str, awaited: Awaited) -> None:
        self.waits.setdefault(whose, []).append(awaited)

    def told(self) -> str:
        """How long it took."""
        return "\n".join(
            f"{whose}: {len(found)} times; the template {_spread([one.template_seconds for one in found])}; "
            f"everything {_spread([None if one.problems else one.seconds for one in found])}"
            for whose, found in sorted(self.waits.items())
        )

    def close(self) -> None:
        self._stack.close()


def _spread(seconds: list[float | None]) -> str:
    came = [one for one in seconds if one is not None]
    never = f", {len(seconds) - len(came)} times too late" if len(came) < len(seconds) else ""
    return f"after {statistics.median(came):.1f} s (median), {max(came):.1f} s (longest){never}" if came else "too late"
