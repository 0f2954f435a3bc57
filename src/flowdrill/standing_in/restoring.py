"""Puts back what another process has broken: for the guard, and for `flowdrill restore`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flowdrill.edges.guard.post import Post
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.connect import IN_CLUSTER
from flowdrill.edges.kubernetes.guard_job import open_guard_job
from flowdrill.edges.kubernetes.lease import UNDO, DrillLease, HeldLease
from flowdrill.edges.kubernetes.load_jobs import open_load_jobs
from flowdrill.edges.kubernetes.provider import open_provider
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Emit, EvidenceFolder, RestorePorts
from flowdrill.engine.standing_in import PutBack, put_everything_back
from flowdrill.errors import GuardActsError, PlanError
from flowdrill.model.drill import Drill, ProviderPlan, RegistryAccess, Target
from flowdrill.model.events import GuardEnded, GuardTookOver
from flowdrill.model.guard_plan import FENCED_AFTER
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.standing import Standing
from flowdrill.model.undo import Undo
from flowdrill.preparing.obstructing import obstacles_of, recallable_obstacles
from flowdrill.preparing.opening import open_images

_RENEW_SECONDS = 2.0
_GONE_WITH_THE_HARNESS = (ObstacleKind.CONTROLLER_REVERTS, ObstacleKind.REVISION_PRUNED)


@dataclass(frozen=True, slots=True)
class Broken:
    """What is to be put back, and where it is. Without the drill's plan (on another machine) only what the undo itself
    tells is put back, and no command of anybody's is run."""

    undo: Undo
    post: Post
    drill: Drill | None = None
    before: Standing | None = None  # how everything stood, where the run folder tells
    access: RegistryAccess | None = None  # how the registry is reached, where no plan says it

    @property
    def target(self) -> Target:
        """The workload."""
        return Target(namespace=self.undo.namespace, workload=self.undo.workload, container=self.undo.container)


class NoFolder:
    """The `EvidenceFolder` of somebody who has no run folder: nothing is kept."""

    def save(self, name: str, text: str) -> str:  # noqa: ARG002
        """Keep nothing."""
        return name

    def remember_undo(self, undo: Undo) -> None:
        """Keep nothing: it is on the cluster."""

    def remember_standing(self, standing: Standing) -> None:
        """Keep nothing: it is too late for that."""


def stand_in(
    broken: Broken, role: str, why: str, evidence: EvidenceFolder, emit: Emit, *, keep_theirs: bool = False,
    alive: bool = False, holds_what_is_left: bool = False,
) -> PutBack:  # fmt: skip
    """Take the Lease over as `role`, put everything back, delete what the drill made, and give the Lease back: unless
    somebody else has deployed meanwhile, which people must decide about, or (`holds_what_is_left`) something of the
    drill's own could not be deleted: then the Lease tells people. Events are told to `emit`. `alive`: the harness, on
    this host, has fallen silent but may go on: what it may still do is waited for.


    DrillRefusedError when another run holds the workload; HarnessBackError when the harness is at it again;
    GuardActsError when somebody else takes over from this process; what the cluster answers comes through."""
    clock, undo = MonotonicClock(), broken.undo
    tell = Narrator(clock, emit)
    holder = f"{undo.run_id}/{role}"
    with _opened(broken, evidence) as (ports, lease):
        silent_seconds = undo.lease_seconds if alive else None
        held = lease.take_over(undo.run_id, holder, broken.undo, silent_seconds=silent_seconds)
        if alive and held is not None:
            _await_fence(held, undo)
        lease.ask("")
        by = f"{role} (process {os.getpid()} on {socket.gethostname()})"
        emit(GuardTookOver(clock.now_ns(), by, why, clock.pair()))
        done = put_everything_back(
            undo, ports, _renewing(lease, holder), tell, keep_theirs=keep_theirs, before=broken.before
        )
        done = replace(done, left=(*done.left, *_still_in_the_way(undo, ports.obstacles)))
        if done.theirs is not None:
            lease.ask(question_of(broken, done.theirs.problem))
        elif done.error is None and done.left and holds_what_is_left:
            lease.ask(chore_of(broken, done.left))
        elif done.error is None:
            lease.give_back(holder)
        emit(GuardEnded(clock.now_ns(), is_restored(done), words_of(done), clock.pair(), done.left))
    return done


def _await_fence(held: HeldLease, undo: Undo) -> None:
    """A harness that came back in the last moment writes until it has missed its renewal, which it does now. It is so
    only where the UTC clock was set back meanwhile: any other renewal is seen."""
    fenced_seconds, age_seconds = FENCED_AFTER * undo.lease_seconds, held.age_seconds(datetime.now(UTC))
    if age_seconds is not None:
        time.sleep(min(max(fenced_seconds - age_seconds, 0.0), fenced_seconds))


def _still_in_the_way(undo: Undo, known: tuple[Obstacle, ...]) -> tuple[str, ...]:
    """What only the drill's plan, or people, can take away."""
    names = {*_GONE_WITH_THE_HARNESS, *(one.name for one in known)}
    return tuple(
        f"{one.obstacle}: take it away with the commands in the Lease's annotation {UNDO}, once you have read them"
        for one in undo.obstacles
        if one.obstacle not in names
    )


def is_restored(done: PutBack) -> bool:
    """Return whether everything is as it was."""
    return done.error is None and done.theirs is None


def words_of(done: PutBack) -> str:
    """Return what came of it, in one line."""
    if done.error is not None:
        return done.error.problem
    if done.theirs is not None:
        return f"{done.theirs.problem}; somebody must say what is to run"
    left = f"; left behind: {'; '.join(done.left)}" if done.left else ""
    return f"everything is as it was before the drill{left}"


def question_of(broken: Broken, problem: str) -> str:
    """Return what people must decide where somebody else has deployed."""
    where = f"--namespace {broken.undo.namespace} --workload {broken.undo.workload}"
    return (
        f"{problem}. `flowdrill restore --context CONTEXT {where} --keep-theirs` leaves it and frees the workload; "
        f"`--overwrite` puts {broken.undo.image} back"
    )


def chore_of(broken: Broken, left: tuple[str, ...]) -> str:
    """Return what people must do where everything is put back, but something of the drill's own is not deleted."""
    where = f"--namespace {broken.undo.namespace} --workload {broken.undo.workload}"
    return (
        f"everything is as it was before the drill; left behind: {'; '.join(left)}. "
        f"`flowdrill restore --context CONTEXT {where}` deletes it, by whoever may"
    )


def _renewing(lease: DrillLease, holder: str) -> Callable[[float], None]:
    """Return a pause that keeps the Lease meanwhile. GuardActsError when somebody else has it."""
    renewed = time.monotonic()

    def pause(seconds: float) -> None:
        nonlocal renewed
        time.sleep(seconds)
        if time.monotonic() - renewed < _RENEW_SECONDS:
            return
        other = lease.renew(holder)
        if other is not None:
            raise GuardActsError(f"{other} holds the drill's Lease", "`flowdrill status` tells what becomes of it")
        renewed = time.monotonic()

    return pause


@contextmanager
def _opened(broken: Broken, evidence: EvidenceFolder) -> Iterator[tuple[RestorePorts, DrillLease]]:
    drill, post, undo = broken.drill, broken.post, broken.undo
    rollback = drill.rollback if drill is not None and drill.obstacles else RollbackPlan()
    near = Path(post.near)
    with ExitStack() as stack:
        workload = stack.enter_context(
            open_workload(post.context, broken.target, kubeconfig=post.kubeconfig, rollback=rollback, near=near)
        )
        access = broken.access or (RegistryAccess() if drill is None else drill.registry)
        registry = stack.enter_context(closing(open_images(access, _no_source)))
        obstacles: tuple[Obstacle, ...] = recallable_obstacles(undo, workload)
        if drill is not None:
            switch = None if post.registry_switch is None else Path(post.registry_switch)
            obstacles = obstacles_of(drill, workload, registry, near, switch)
        plan = _provider_plan(broken)
        provider = None
        if plan is not None:
            made = undo.started is not None
            provider = stack.enter_context(
                open_provider(post.context, plan, broken.target, kubeconfig=post.kubeconfig, made_by_run=made)
            )
        guard_job = None
        if undo.guard_job is not None and post.context != IN_CLUSTER:  # the Job takes itself away, at the very end
            guard_job = stack.enter_context(
                open_guard_job(post.context, broken.target, None, access, kubeconfig=post.kubeconfig)
            )
        load_jobs = None
        if undo.load_job is not None:
            load_jobs = stack.enter_context(
                open_load_jobs(post.context, broken.target, None, None, kubeconfig=post.kubeconfig)
            )
        yield (
            RestorePorts(
                clock=MonotonicClock(),
                workload=workload,
                registry=registry,
                provider=provider,
                obstacles=obstacles,
                evidence=evidence,
                guard_job=guard_job,
                load_jobs=load_jobs,
            ),
            workload.lease,
        )


def _provider_plan(broken: Broken) -> ProviderPlan | None:
    """The provider that the drill has started or set to another mode, None where there is none."""
    named = broken.undo.started or broken.undo.provider
    if named is None:
        return None
    if broken.drill is not None and broken.drill.provider is not None:
        return broken.drill.provider
    return ProviderPlan(workload=named)


def _no_source(name: str) -> bytes:
    raise PlanError(f"{name}: nothing is made while things are put back", "this is a defect, please report it")
