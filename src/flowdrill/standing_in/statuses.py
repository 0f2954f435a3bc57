"""`flowdrill status`: which drills are in progress, and what is still broken."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flowdrill.analysis.printable import printable
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import running_cluster
from flowdrill.cluster.state_folder import default_state_folder
from flowdrill.edges.guard.post import POST
from flowdrill.edges.kubernetes.drills_found import DrilledCluster, FoundDrill
from flowdrill.edges.people.saying import is_in_progress
from flowdrill.edges.runfolder.folder import UNDO, read_undo
from flowdrill.edges.runfolder.plan import how_it_ended
from flowdrill.errors import RunFolderError

_MOST_RUNS = 50  # the newest ones
_LOOK_AGAIN_SECONDS = 1.0


class Standing(StrEnum):
    """How a drill stands."""

    IN_PROGRESS = "in progress"
    BROKEN = "broken"  # the workload runs what the drill has put there
    ASKS = "asks"  # somebody else has deployed, and people must say what is to run
    UNKNOWN = "unknown"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class DrillStanding:
    """One drill. `where`: its run folder, or its workload."""

    where: str
    run_id: str
    workload: str
    standing: Standing
    says: str

    @property
    def needs_people(self) -> bool:
        """Whether somebody must act."""
        return self.standing in (Standing.BROKEN, Standing.ASKS, Standing.UNKNOWN)


def runs_here(reports: Path) -> tuple[DrillStanding, ...]:
    """Return the runs of this host that are in progress or have not said that all is put back, newest first."""
    folders = sorted((path.parent for path in reports.glob(f"*/{UNDO}")), reverse=True)[:_MOST_RUNS]
    return tuple(one for path in folders if (one := _run(path)).standing is not Standing.RESTORED)


def _run(folder: Path) -> DrillStanding:
    try:
        undo = read_undo(folder)
    except RunFolderError as error:
        return DrillStanding(str(folder), "unknown", "unknown", Standing.UNKNOWN, error.problem)
    about = (str(folder), undo.run_id, f"{undo.namespace} {undo.workload}")
    end = how_it_ended(folder)
    if end is None and is_in_progress(folder):
        return DrillStanding(*about, Standing.IN_PROGRESS, f"on this host, as {undo.run_id}")
    if end is not None and end.restored:
        return DrillStanding(*about, Standing.RESTORED, end.says)
    if not (folder / POST).exists():
        return DrillStanding(*about, Standing.UNKNOWN, "the run had no guard: look at the workload")
    says = "it has not said that all is put back: its guard may be at it" if end is None else end.says
    return DrillStanding(*about, Standing.UNKNOWN, f"{says}; `flowdrill restore {folder}`")


def drills_on(context: str | None, kubeconfig: str | None, namespace: str | None) -> tuple[DrillStanding, ...]:
    """Return the drills of a cluster: of `context`, else of the embedded cluster where one is up. Whether somebody
    still keeps a Lease is looked at for as long as they may be silent."""
    if context is None:
        running = running_cluster(default_state_folder(os.environ))
        if running is None:
            return ()
        context, kubeconfig = CONTEXT, str(running.folder.kubeconfig)
    with DrilledCluster.open(context, kubeconfig) as cluster:
        first = cluster.drills(namespace)
        silent = {one.key: one for one in first}
        deadline = time.monotonic() + max((one.lease.seconds for one in first), default=0.0)
        newest = silent
        while silent and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_SECONDS)
            newest = {one.key: one for one in cluster.drills(namespace)}
            silent = {key: one for key, one in silent.items() if key in newest and _same(newest[key], one)}
        return tuple(_drill(one, context, alive=key not in silent) for key, one in newest.items())


def _same(one: FoundDrill, other: FoundDrill) -> bool:
    return (one.lease.holder, one.lease.renewed) == (other.lease.holder, other.lease.renewed)


def _drill(found: FoundDrill, context: str, *, alive: bool) -> DrillStanding:
    lease, undo = found.lease, found.lease.read_undo()
    where = f"--context {context} --namespace {found.namespace} --workload {found.workload}"
    about = (f"lease/{lease.name}", lease.run_id, f"{found.namespace} {found.workload}")
    if alive:
        return DrillStanding(*about, Standing.IN_PROGRESS, printable(f"{lease.holder} is at it; it runs {found.image}"))
    by_hand = f"nobody renews the Lease any more: `flowdrill restore {where}`"
    if lease.asks:
        return DrillStanding(*about, Standing.ASKS, printable(lease.asks))
    if undo is None or found.image is None:
        what = "its undo cannot be read" if undo is None else "its workload is gone, or may not be read"
        return DrillStanding(*about, Standing.UNKNOWN, printable(f"{what}; {by_hand}"))
    stable = undo.is_stable(found.image)
    says = f"it runs {found.image}, which is {'' if stable else 'not '}the stable image; {by_hand}"
    return DrillStanding(*about, Standing.UNKNOWN if stable else Standing.BROKEN, printable(says))
