"""`flowdrill restore`: what a dead drill has broken is put back by a person, from its run folder or from the cluster
alone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from flowdrill.analysis.access_needs import default_ledger_name
from flowdrill.analysis.undo_witness import is_about, unwitnessed_because
from flowdrill.edges.guard.post import Post, read_post
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.drills_found import DrilledCluster
from flowdrill.edges.kubernetes.lease import HeldLease
from flowdrill.edges.kubernetes.ledger_map import open_ledger_map
from flowdrill.edges.runfolder.folder import GUARD_EVENTS, RunFolder, read_standing, read_undo
from flowdrill.edges.runfolder.lenient import LenientFolder
from flowdrill.edges.runfolder.plan import how_it_ended, read_plan
from flowdrill.edges.runfolder.run_files import SUMS
from flowdrill.engine.standing_in import PutBack
from flowdrill.errors import ClusterError, LedgerError, NothingToRestoreError, RunFolderError
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import seal
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.events import Event, GuardEnded
from flowdrill.model.ledger import Ledger
from flowdrill.model.undo import Undo, undo_digest
from flowdrill.preparing.opening import absolute_kubeconfig
from flowdrill.standing_in.restoring import Broken, NoFolder, stand_in

Emit = Callable[[Event], None]
Say = Callable[[str], None]


class Theirs(Enum):
    """What is to become of what somebody else has deployed meanwhile."""

    ASK = "ask"
    KEEP = "keep"
    OVERWRITE = "overwrite"


@dataclass(frozen=True, slots=True)
class RestoredByHand:
    """Which undo was done, and what came of it."""

    undo: Undo
    done: PutBack


def restore_run(
    folder: Path, context: str | None, kubeconfig: str | None, theirs: Theirs, emit: Emit, say: Say
) -> RestoredByHand:
    """Put back what the run of `folder` has broken, by what the folder tells: what anybody has written on the cluster
    meanwhile is not believed. NothingToRestoreError when there is nothing; other FlowdrillErrors before anything is
    touched."""
    undo, post, drill = read_undo(folder), read_post(folder), read_plan(folder)
    if context is not None:
        post = replace(post, context=context, kubeconfig=absolute_kubeconfig(kubeconfig))
    broken = Broken(undo, post, drill, read_standing(folder))
    with DrilledCluster.open(post.context, post.kubeconfig) as cluster:
        cluster.target(broken.target)
        held = cluster.lease(broken.target).read()
        image = cluster.image(broken.target, undo.container)
        if held is None and (image is None or undo.is_stable(image)):
            _note_found_restored(folder)
            raise NothingToRestoreError(
                f"run {undo.run_id} has left nothing broken: {undo.workload} runs {image}, and no drill holds it",
                "nothing was touched",
            )
        if held is not None:
            _refuse_alive(cluster, broken.target, held, say)
    broken = replace(broken, undo=_decided(undo, image, theirs))
    with LenientFolder(folder) as kept:

        def both(event: Event) -> None:
            kept.emit(event)
            emit(event)

        done = stand_in(broken, _role(), "asked for by a person", kept, both, keep_theirs=theirs is Theirs.KEEP)
    _report(folder, kept.problem, say)
    return RestoredByHand(undo, done)


def _report(folder: Path, lost: str | None, say: Say) -> None:
    """Make the reports. That this cannot be done changes nothing of what is put back."""
    if lost is not None:
        say(f"not everything that was done is written down: {lost}")
    try:
        report = write_reports(folder)
        if not (folder / SUMS).exists():  # else they, and a signature, stay as they were: verify tells what is new
            seal(folder, report.result, None)
    except RunFolderError as error:
        say(f"the reports are not made: {error}")


def restore_workload(
    context: str, kubeconfig: str | None, target: Target, accepted: str | None, theirs: Theirs, access: RegistryAccess,
    emit: Emit, say: Say,
) -> RestoredByHand:  # fmt: skip
    """Put back what a drill has broken, by the undo that it has written onto its Lease. It is believed when the ledger
    or a kept revision says the same, or `accepted` is its digest: NothingToRestoreError otherwise. `access`: how the
    registry is reached from here."""
    with DrilledCluster.open(context, kubeconfig) as cluster:
        found = cluster.target(target)
        held = cluster.lease(target).read()
        if held is None:
            raise NothingToRestoreError(
                f"no drill holds {target.workload} in namespace {target.namespace}: it was never broken, or is put "
                "back",
                "nothing was touched",
            )
        undo = held.read_undo()
        if undo is None or not is_about(undo, target, held.run_id):
            raise _tampered(held, "it is no undo of this run on this workload")
        if accepted is not None and accepted != undo_digest(undo):
            raise _tampered(held, f"its digest is {undo_digest(undo)}, not {accepted}")
        if accepted is None:
            kept = cluster.kept_containers(replace(found, container=undo.container))
            doubt = unwitnessed_because(undo, kept, _ledger(context, kubeconfig, target))
            if doubt is not None:
                raise _tampered(held, doubt)
        _refuse_alive(cluster, target, held, say)
        image = cluster.image(target, undo.container)
    say(f"run {undo.run_id} on host {undo.host}; its undo is {undo_digest(undo)}")
    post = Post(context, absolute_kubeconfig(kubeconfig), str(Path.cwd()))
    broken = Broken(_decided(undo, image, theirs), post, access=access)
    done = stand_in(broken, _role(), "asked for by a person", NoFolder(), emit, keep_theirs=theirs is Theirs.KEEP)
    return RestoredByHand(undo, done)


def _note_found_restored(folder: Path) -> None:
    """So that `flowdrill status` need not tell of it any more."""
    if how_it_ended(folder) is None:
        clock = MonotonicClock()
        with RunFolder(folder, (), events=GUARD_EVENTS) as kept:
            kept.emit(GuardEnded(clock.now_ns(), True, "found as it was before the drill", clock.pair()))


def _role() -> str:
    return f"restore-{socket.gethostname()}-{os.getpid()}"


def _decided(undo: Undo, image: str | None, theirs: Theirs) -> Undo:
    """The undo with what people have said about somebody else's image; NothingToRestoreError where it does not fit."""
    others = image is not None and not undo.owns(image)
    if theirs is Theirs.KEEP and not others:
        raise NothingToRestoreError(
            f"--keep-theirs: nobody else has set the image of {undo.workload}: it runs {image}", "leave that option out"
        )
    if theirs is Theirs.OVERWRITE and others:
        return replace(undo, overwrites=(str(image),))
    return undo


def _ledger(context: str, kubeconfig: str | None, target: Target) -> Ledger | None:
    try:
        with open_ledger_map(
            context, target.namespace, default_ledger_name(target), lambda: datetime.now(UTC), kubeconfig=kubeconfig
        ) as book:
            return book.read()
    except (ClusterError, LedgerError):
        return None


def _refuse_alive(cluster: DrilledCluster, target: Target, held: HeldLease, say: Say) -> None:
    """DrillRefusedError while somebody keeps the Lease: a drill, its guard, or another restore."""
    lease = cluster.lease(target)
    say(f"{held.holder} holds {target.workload}: looking for {held.seconds:g} s whether it is still at it")
    if not lease.seen_silent(held, time.sleep, time.monotonic):
        now = lease.read()
        if now is None:
            raise NothingToRestoreError(
                f"{held.holder} has just given {target.workload} back",
                "nothing was touched; look with `flowdrill status`",
            )
        raise lease.refusal(now)


def _tampered(held: HeldLease, why: str) -> NothingToRestoreError:
    return NothingToRestoreError(
        f"the undo on lease/{held.name} is not believed: {why}",
        "nothing was touched; restore from the run folder (`flowdrill restore RUN_FOLDER`), or read the annotation "
        "flowdrill.dev/undo and, if it is right, give its digest (`--undo-digest sha256:…`)",
    )
