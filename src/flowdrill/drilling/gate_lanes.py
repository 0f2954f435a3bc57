"""A gate's drills, several at once: on the embedded cluster each lane has a copy of the target in a namespace of its
own; on a cluster of somebody's, drills of different namespaces go beside one another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flowdrill.drilling.gate_copies import Ports, copy_of, ports_for, why_alone, why_no_copy
from flowdrill.drilling.side_by_side import Job, SideBySide, Watch, Work
from flowdrill.edges.host.forked import Send
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.preparing.allowing import safety_rules
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.opening import Cluster, Say

CarriedOut = Callable[[int, DrillFile], object]  # by place, in the drill's own process; the result can be pickled


class Lanes:
    """Carries out plans side by side."""

    def __init__(self, parallel: int, out: Path, watch: Watch) -> None:
        """The drills' own output goes below `out`. RunFolderError when that cannot be written."""
        self._parallel, logs = parallel, out / "gate-logs"
        try:
            logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(f"{logs}: {error.strerror}", "name another folder: --out DIR") from error
        self._side_by_side = SideBySide(parallel, logs, watch)

    @property
    def signal(self) -> str | None:
        """The first signal that was heard."""
        return self._side_by_side.signal

    def stop(self, why: str) -> None:
        """Begin no other."""
        self._side_by_side.stop(why)

    def ended(
        self, plans: Sequence[DrillFile], where: Cluster, carried_out: CarriedOut, say: Say
    ) -> Iterator[tuple[int, object]]:
        """Yield each plan's place with what was returned, or what became of it instead (`side_by_side.Ended`), as they
        end; those that would be in the way of others come last, one by one. PlanError when a port is missing."""
        reasons = [why_no_copy(one) if where.context is None else None for one in plans]
        if where.context is None:
            for one, why in zip(plans, reasons, strict=True):
                if why is not None:
                    say(f"{one.drill.drill} has no copy of its target, and is drilled in its own namespace: {why}")
        else:
            _say_what_goes_in_turn(plans, say)
        alone = [why_alone(one) for one in plans]
        for one, why in zip(plans, alone, strict=True):
            if why is not None:
                say(f"{one.drill.drill} goes after the others, and alone: {why}")
        with tempfile.TemporaryDirectory(prefix="flowdrill-gate-") as folder:
            copied = [one for one, why in zip(plans, reasons, strict=True) if why is None and where.context is None]
            ports = ports_for(copied, self._parallel)
            jobs = [
                _job(at, one, carried_out, None if one not in copied else _Copies(ports, Path(folder)))
                for at, one in enumerate(plans)
            ]
            places = {job: at for at, job in enumerate(jobs)}
            beside = [job for job, why in zip(jobs, alone, strict=True) if why is None]
            for group in (beside, *([job] for job in jobs if job not in beside)):
                for job, ended in self._side_by_side.run(group):
                    yield places[job], ended


def refuse_copies(plans: Sequence[DrillFile], approved: Sequence[str], *, embedded: bool) -> None:
    """PlanError where drills must be approved and would be drills of copies: those have digests of their own."""
    asked = next((one for one in plans if safety_rules(one.drill, one.path).approval_by is not None), None)
    if embedded and (approved or asked is not None):
        raise PlanError(
            "--parallel drills copies of the target on the embedded cluster, and a copy is another plan than the one "
            "that is approved",
            "leave --parallel out, or the approval",
        )


class _Copies:
    def __init__(self, ports: Ports, folder: Path) -> None:
        self.ports, self.folder = ports, folder


def _job(at: int, plan: DrillFile, carried_out: CarriedOut, copies: _Copies | None) -> Job:
    drill = plan.drill
    shares = drill.target.namespace if copies is None else f"copy {at}"
    return Job(f"{at:03}-{drill.drill}", drill.drill, shares, _work(at, plan, carried_out, copies))


def _work(at: int, plan: DrillFile, carried_out: CarriedOut, copies: _Copies | None) -> Work:
    def work(send: Send, lane: int) -> object:  # noqa: ARG001 - its log says how it goes on
        return carried_out(at, plan if copies is None else copy_of(plan, lane, copies.ports, copies.folder))

    return work


def _say_what_goes_in_turn(plans: Sequence[DrillFile], say: Say) -> None:
    spaces = sorted({one.drill.target.namespace for one in plans})
    if len(spaces) == 1 and len(plans) > 1:
        say(f"all drills are in namespace {spaces[0]}: they go one after the other, whatever --parallel says")
