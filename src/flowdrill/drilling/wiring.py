"""Puts the edges together. The only module beside the command line that knows them all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.drilling.harm import why_stop, why_stop_after_error
from flowdrill.drilling.loading import key_here, load_of
from flowdrill.edges.guard.post import write_post
from flowdrill.edges.guard.process_guard import ProcessGuard
from flowdrill.edges.guard.with_job import GuardWithJob
from flowdrill.edges.host.clock import BeatingClock, MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.host.signals import signals_told
from flowdrill.edges.people.control_channel import ControlChannel
from flowdrill.edges.planfiles.reading import (
    read_suite,
)
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.edges.terminal.consoles import console_of_run, say_on, settled
from flowdrill.edges.terminal.live import LiveView
from flowdrill.engine.facts import Tell
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, Emit, Ports, RollbackStrategy, Steering
from flowdrill.engine.run import RunOutcome, run
from flowdrill.errors import FlowdrillError, GuardActsError, NotRestoredError, RunFolderError
from flowdrill.history.ledgers import note_verified
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import seal
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event
from flowdrill.model.result import Report
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.scenario import Scenario
from flowdrill.preparing.authority import NOTHING_TOLD, Told, audit_facts_of, people_of
from flowdrill.preparing.chaos_activities import activities_of, refuse_invalid_activities, secrets_given
from flowdrill.preparing.drill_file import DrillFile, plan_of, refuse_unknown_url
from flowdrill.preparing.embedded import embedded_cluster
from flowdrill.preparing.opening import Cluster, OpenDrill, open_drill, order_of, permit_for


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run and its reports, which are written."""

    folder: Path
    outcome: RunOutcome
    report: Report
    ledger: str | None = None  # what became of the ledger, where the run has verified an image


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


def run_suite_file(
    suite_file: Path,
    *,
    context: str | None,
    kubeconfig: str | None,
    out: Path,
    approved: Sequence[str] = (),
    signing_key: SigningKey | None = None,
    told: Told = NOTHING_TOLD,
) -> Iterator[FinishedRun | FlowdrillError]:
    """Carry out a suite's drills one after the other, on one embedded cluster where no context is named. Yields each
    run, or why it could not begin; a run that was stopped by a signal, or did not leave all as it was, is the last.
    PlanError before anything is done when a file of the suite cannot be used, DrillRefusedError when one of its drills
    is protected or not `approved`."""
    _, drills = read_suite(suite_file)
    for one in drills:
        plan = plan_of(one)
        permit_for(plan, Cluster(context, kubeconfig), approved, approval_asked=True)
        people_of(plan.drill, told)
    console = console_of_run()
    with settled(console), ExitStack() as stack:
        cluster = None if context is not None else stack.enter_context(embedded_cluster(say_on(console)))
        for one in drills:
            try:
                finished = run_drill_file(
                    one,
                    context=context,
                    kubeconfig=kubeconfig,
                    out=out,
                    cluster=cluster,
                    approved=approved,
                    signing_key=signing_key,
                    told=told,
                )
            except FlowdrillError as error:
                yield error
                if why_stop_after_error(error) is not None:
                    return
                continue
            yield finished
            if why_stop(finished.outcome, finished.report.result) is not None:
                return


def run_drill_file(
    drill_file: Path,
    *,
    context: str | None,
    kubeconfig: str | None,
    out: Path,
    cluster: RunningCluster | None = None,
    approved: Sequence[str] = (),
    signing_key: SigningKey | None = None,
    told: Told = NOTHING_TOLD,
) -> FinishedRun:
    """Read the plan and carry it out: see `run_plan`. PlanError when it cannot be used as written."""
    return run_plan(
        plan_of(drill_file),
        Cluster(context, kubeconfig, cluster),
        out=out,
        approved=approved,
        signing_key=signing_key,
        told=told,
    )


def run_plan(
    plan: DrillFile,
    where: Cluster,
    *,
    out: Path,
    approved: Sequence[str] = (),
    signing_key: SigningKey | None = None,
    told: Told = NOTHING_TOLD,
    see: Emit = lambda _: None,
) -> FinishedRun:
    """Carry out a drill and write its folder. Without a context: on the embedded cluster. `approved`: the digests of
    plans that were approved; any other is refused, where there are some. `told`: who runs it, and who
    has approved that. `see` is told each event. FlowdrillError before a run has begun."""
    console = console_of_run()
    drill = plan.drill
    refuse_unknown_url(drill)
    permit = permit_for(plan, where, approved, approval_asked=True)
    facts = audit_facts_of(drill, told, out)
    if where.context is not None:
        key_here(drill.load, os.environ, elsewhere=drill.load.in_cluster is not None)  # before anything is asked
    with settled(console), open_drill(plan, where, say_on(console)) as here:
        api_key = key_here(drill.load, here.environ, elsewhere=here.load_jobs is not None)
        started = datetime.now(UTC)
        hidden = (*((api_key,) if api_key else ()), *(here.alerts.secrets if here.alerts is not None else ()))
        hidden += secrets_given(drill.chaos, here.environ)
        with (
            RunFolder.create(out, drill, plan.found.scenario, started, hidden, plan.controls) as folder,
            LiveView(console, drill if drill.by_people else None) as view,
        ):
            order = replace(order_of(plan, here.workload, started, permit), audit=facts)
            outcome = carry_out(order, here, folder, view, see=see)
        report = reported(folder.path, outcome, signing_key)
        # while the cluster is still there, and when the report is: the verdict is no longer changed by anything
        noted = None if outcome.error is not None else note_verified(here.ledger, report.result)
    return FinishedRun(folder.path, outcome, report, noted)


def reported(folder: Path, outcome: RunOutcome, key: SigningKey | None) -> Report:
    """Write a run's reports and its digests, and return what they say."""
    try:
        report = write_reports(folder)
        goes_on = isinstance(outcome.error, (GuardActsError, NotRestoredError))  # the guard may, and adds to the folder
        seal(folder, report.result, None if goes_on else key)
    except RunFolderError as error:
        if outcome.error is not None:  # a workload that is still broken comes before a report that is missing
            raise outcome.error from error
        raise
    return report


def read_plan(drill_file: Path) -> tuple[Drill, Scenario]:
    """Return a drill and its scenario; PlanError when either cannot be used as written, or Chaos Toolkit would not run
    one of its activities."""
    plan = plan_of(drill_file)
    refuse_invalid_activities(plan.drill, drill_file.parent)
    return plan.drill, plan.found.scenario


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
