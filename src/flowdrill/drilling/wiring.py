"""Puts the edges together. The only module beside the command line that knows them all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

from flowdrill.drilling.loading import load_of
from flowdrill.edges.guard.post import write_post
from flowdrill.edges.guard.process_guard import ProcessGuard
from flowdrill.edges.guard.with_job import GuardWithJob
from flowdrill.edges.host.clock import BeatingClock, MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.host.signals import signals_told
from flowdrill.edges.people.control_channel import ControlChannel
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.engine.facts import Tell
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, Emit, Ports, RollbackStrategy, Steering
from flowdrill.engine.run import RunOutcome, run
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event
from flowdrill.model.rollback_plan import Strategy
from flowdrill.preparing.chaos_activities import activities_of
from flowdrill.preparing.opening import OpenDrill


class View(Protocol):
    """Whoever looks on while a drill is carried out."""

    def emit(self, event: Event) -> None:
        """Hear of an event."""
        ...

    def told(self, tell: Tell) -> Tell:
        """Return a `tell` through which it hears of facts, too."""
        ...


class Helm(Steering, View, Protocol):
    """Whoever steers a drill from another thread, and looks on."""

    def take(self, folder: Path, ports: Ports, emit: Emit, hand_over: Callable[[], str | None]) -> None:
        """The run begins: its folder, what it works with, what writes its events from any thread, and what leaves
        everything to the guard directly before this process ends."""
        ...


def carry_out(
    order: RunOrder,
    here: OpenDrill,
    folder: RunFolder,
    view: View,
    helm: Helm | None = None,
    see: Emit = lambda _: None,
) -> RunOutcome:
    """Carry out a drill on what is open, and write its events; `see` is told of each. Signals are its own, unless
    somebody is at the helm."""
    clock, heart, inbox = MonotonicClock(), BeatingClock(), QueueInbox()
    writing = threading.RLock()
    people = ControlChannel(folder.path, order.run_id)
    # only then is the API server asked again and again
    hearing = order.drill.by_people or order.drill.objectives.time_to_acknowledge is not None
    looks = (here.workload.lease_look(clock),) if hearing else ()
    if order.drill.by_people:
        looks = (here.workload.image_look(clock), *looks)

    def emit(event: Event) -> None:
        with writing:
            folder.emit(event)
            people.see(event)
            view.emit(event)
            see(event)

    load = load_of(order, here, folder.path, clock)
    process = ProcessGuard(folder.path, here.workload.lease, here.fence, lambda: heart.beaten_ns)
    guard = process if here.guard_job is None else GuardWithJob(process, here.guard_job)
    write_post(folder.path, here.post)
    # an experiment that steers the drill has the drill's activities itself
    activities = None if helm is not None else activities_of(order.drill, here.post, here.environ, folder.path)
    ports = Ports(
        clock=heart,
        inbox=inbox,
        tell=view.told(inbox.tell),
        workload=here.workload,
        registry=here.registry,
        load=load,
        evidence=folder,
        rollback=_strategy(order.drill, here, clock),
        provider=here.provider,
        scanner=here.scanner,
        ledger=here.ledger,
        obstacles=here.obstacles,
        sources=(people, *looks, *(() if here.alerts is None else (here.alerts,))),
        around=here.around,
        audit=here.audit,
        guard=guard,
        guard_job=here.guard_job,
        load_jobs=here.load_jobs,
        program=here.command,
        alerts=here.alerts,
        activities=activities,
        steering=helm,
    )
    with ExitStack() as stack:
        if activities is not None:
            stack.enter_context(closing(activities))
        if helm is not None:
            helm.take(folder.path, ports, emit, process.hand_over)
        else:
            stack.enter_context(signals_told(inbox.tell, hand_over=process.hand_over))
        return run(order, ports, emit)


def _strategy(drill: Drill, here: OpenDrill, clock: Clock) -> RollbackStrategy:
    """How the drill rolls back; on a game day, when it takes over."""
    if here.command is not None:
        return here.command
    return Undo(here.workload, clock) if drill.rollback.way is Strategy.UNDO else SetImage(here.workload, clock)
