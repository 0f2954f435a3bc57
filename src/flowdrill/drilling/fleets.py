"""`flowdrill run --selector`: one drill at every workload that matches, several at once, one after the other in a
namespace. Each is a run of its own: its plan, its process, its Lease, its guard, its folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path

from flowdrill.analysis.calendar import turn_of
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import running_cluster
from flowdrill.cluster.state_folder import default_state_folder
from flowdrill.drilling.fleet_plans import FleetChoice, plan_for, refuse_shared_urls, refuse_unfit_for_many
from flowdrill.drilling.harm import why_stop, why_stop_after_error
from flowdrill.drilling.runs import FinishedRun, RunWith, run_plan
from flowdrill.drilling.side_by_side import STOPPED_BESIDE, Job, NotBegun, Said, SideBySide, Work
from flowdrill.edges.host.forked import Defect, Gone, Send, Stopped
from flowdrill.edges.kubernetes.fleet_search import find_fleet
from flowdrill.edges.runfolder.earlier_runs import latest_run
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.errors import ClusterError, FlowdrillError, TargetMissingError
from flowdrill.model.events import Event, PhaseStarted
from flowdrill.model.fleet import FleetDrill, FleetOutcome
from flowdrill.model.fleet_target import FleetTarget
from flowdrill.model.measured import Measure
from flowdrill.model.result import Result
from flowdrill.model.status import Status
from flowdrill.preparing.authority import NOTHING_TOLD, Told, people_of
from flowdrill.preparing.drill_file import DrillFile, plan_as_written
from flowdrill.preparing.opening import Cluster, permit_for

_AS_BEFORE = "restored_as_before"


@dataclass(frozen=True, slots=True)
class FleetOrder:
    """What is asked."""

    drill_file: Path
    choice: FleetChoice
    context: str | None
    kubeconfig: str | None
    parallel: int
    out: Path
    fail_fast: bool = False
    by_calendar: bool = False
    approved: tuple[str, ...] = ()
    signing_key: SigningKey | None = None
    told: Told = NOTHING_TOLD
    finished: Callable[[FinishedRun], bool] = lambda _: True  # in the drill's own process; False: `kept` nowhere


@dataclass(frozen=True, slots=True)
class Member:
    """A workload, with its plan or why it has none."""

    target: FleetTarget
    plan: DrillFile | FlowdrillError


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is to be drilled, and where."""

    plan: DrillFile  # as written
    where: Cluster
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class FleetRun:
    """A workload's drill that is over. `stops`: why no other drill must begin after it."""

    told: FleetDrill
    stops: str | None = None
    signal: str | None = None  # by which it was stopped
    kept: bool = True  # False: its evidence should be somewhere else, too, and is not


def fleet_of(order: FleetOrder) -> Fleet:
    """Return the workloads that match, each with its plan. Changes nothing. PlanError when the drill is not one for
    many; ClusterError when no workload matches; other FlowdrillErrors when the cluster cannot be asked."""
    plan = plan_as_written(order.drill_file)
    refuse_unfit_for_many(plan, order.choice, order.parallel)
    where = place_of(order.context, order.kubeconfig)
    targets = _found(order.choice, where)
    if not targets:
        space = "any namespace" if order.choice.namespace is None else f"namespace {order.choice.namespace}"
        raise ClusterError(
            f"no Deployment or StatefulSet in {space} matches --selector {order.choice.selector}",
            "`kubectl get deployments,statefulsets -l SELECTOR` (--all-namespaces for all) shows what does",
        )
    plans = refuse_shared_urls([(one, _plan_or_why(plan, one, order.choice)) for one in targets])
    return Fleet(plan, where, tuple(starmap(Member, zip(targets, plans, strict=True))))


def place_of(context: str | None, kubeconfig: str | None) -> Cluster:
    """Return the cluster that is named, else the embedded one that is up; ClusterError when none is: a fleet drills
    what is there."""
    if context is not None:
        return Cluster(context, kubeconfig)
    running = running_cluster(default_state_folder(os.environ))
    if running is None:
        raise ClusterError(
            "a fleet drills what runs: no cluster is named, and no embedded cluster is up",
            "name a cluster with --context NAME; or `flowdrill cluster up`, and deploy the workloads there",
        )
    return Cluster(None, kubeconfig, running)


def fleet_runs(order: FleetOrder, fleet: Fleet, side_by_side: SideBySide) -> Generator[FleetRun, None, None]:
    """Drill them, and yield each as it is over; those that never began come last. RunFolderError when nothing can be
    written."""
    members: dict[str, Member] = {}
    jobs = []
    for member in fleet.members:
        refused = _refused(member, order, fleet)
        if refused is not None:
            yield refused
            if order.fail_fast:
                side_by_side.stop(f"{refused.told.where} did not pass, and --fail-fast was given")
            continue
        target = member.target
        name = f"{target.namespace}.{target.kind}.{target.name}"
        members[name] = member
        jobs.append(Job(name, target.where, target.namespace, _work(order, fleet, member)))
    for job, ended in side_by_side.run(jobs):
        done = _done(members[job.name], ended)
        yield done
        if isinstance(ended, NotBegun):
            continue
        if done.stops is not None:
            side_by_side.stop(done.stops)
        elif order.fail_fast and done.told.outcome is not FleetOutcome.PASS:
            side_by_side.stop(f"{done.told.where} did not pass, and --fail-fast was given")


def appeared_since(fleet: Fleet, choice: FleetChoice) -> tuple[str, ...] | None:
    """Return the workloads that match now and did not when the fleet began; None when that cannot be found out."""
    try:
        now = _found(choice, fleet.where)
    except FlowdrillError:
        return None
    known = {one.target.where for one in fleet.members}
    return tuple(one.where for one in now if one.where not in known)


def _found(choice: FleetChoice, where: Cluster) -> tuple[FleetTarget, ...]:
    if where.context is not None:
        return find_fleet(where.context, choice.selector, choice.namespace, kubeconfig=where.kubeconfig)
    assert where.running is not None  # noqa: S101 - for the type checker
    return find_fleet(CONTEXT, choice.selector, choice.namespace, kubeconfig=str(where.running.folder.kubeconfig))


def _plan_or_why(plan: DrillFile, target: FleetTarget, choice: FleetChoice) -> DrillFile | FlowdrillError:
    try:
        return plan_for(plan, target, choice)
    except FlowdrillError as error:
        return error


def _refused(member: Member, order: FleetOrder, fleet: Fleet) -> FleetRun | None:
    """Return what becomes of a workload that may not be drilled, by what is known before anything is asked; None when
    it may."""
    plan = member.plan
    if isinstance(plan, FlowdrillError):
        return FleetRun(_without_run(member, FleetOutcome.ERROR, plan))
    try:
        permit_for(plan, fleet.where, order.approved, approval_asked=True)
        people_of(plan.drill, order.told)
    except FlowdrillError as error:
        return FleetRun(_without_run(member, FleetOutcome.ERROR, error))
    return None


def _work(order: FleetOrder, fleet: Fleet, member: Member) -> Work:
    plan = member.plan
    assert isinstance(plan, DrillFile)  # noqa: S101 - for the type checker

    def work(send: Send, lane: int) -> FleetRun:  # noqa: ARG001 - each has a namespace of its own anyway
        def see(event: Event) -> None:
            if isinstance(event, PhaseStarted):
                send(Said(event.phase.value))

        skipped = _why_not_now(plan, order)
        if skipped is not None:
            return FleetRun(_told(member, FleetOutcome.SKIPPED, (skipped,)))
        try:
            told = replace(order.told, of_workload=True)
            run = run_plan(plan, fleet.where, RunWith(order.out, order.approved, order.signing_key, told), see=see)
        except TargetMissingError as error:
            return FleetRun(_told(member, FleetOutcome.NOT_RUN, (f"it is gone: {error.problem}",)))
        except FlowdrillError as error:
            return FleetRun(_without_run(member, FleetOutcome.ERROR, error), why_stop_after_error(error))
        return replace(_of_run(member, run), kept=order.finished(run))

    return work


def _why_not_now(plan: DrillFile, order: FleetOrder) -> str | None:
    calendar, drill = plan.drill.calendar, plan.drill
    if not order.by_calendar or calendar is None:
        return None
    workload = (drill.target.namespace, drill.target.workload)
    earlier = latest_run(order.out, drill.drill, workload) if calendar.at_most_once_in is not None else None
    turn = turn_of(calendar, datetime.now(UTC), earlier, 0.0)
    return None if turn.may_begin else turn.why


def _done(member: Member, ended: object) -> FleetRun:
    if isinstance(ended, FleetRun):
        return ended
    if isinstance(ended, NotBegun):
        return FleetRun(_told(member, FleetOutcome.NOT_RUN, (ended.why,)))
    if isinstance(ended, Stopped):
        return FleetRun(_told(member, FleetOutcome.NOT_RUN, (STOPPED_BESIDE,)))
    if isinstance(ended, Gone):
        why = f"its process {ended.described()}: `flowdrill status` tells whether its guard has put everything back"
        return FleetRun(_told(member, FleetOutcome.ERROR, (why,)), f"{member.target.where}: its process is gone")
    text = ended.text if isinstance(ended, Defect) else repr(ended)
    last = (text.strip().splitlines() or ["nothing was said"])[-1]
    why = f"a defect of flowdrill, please report its log: {last}"
    return FleetRun(_told(member, FleetOutcome.ERROR, (why,)), f"{member.target.where}: {why}")


def _of_run(member: Member, run: FinishedRun) -> FleetRun:
    result, outcome = run.report.result, run.outcome
    became, reasons = FleetOutcome(result.verdict.value), result.reasons
    if outcome.error is not None:
        became, reasons = FleetOutcome.ERROR, (outcome.error.problem, *reasons)
    elif outcome.stop_signal is not None:
        became, reasons = FleetOutcome.ERROR, (f"stopped by {outcome.stop_signal}", *reasons)
    measures = result.measures
    told = _told(member, became, reasons).model_copy(
        update={
            "time_to_detect_seconds": _seconds(measures.time_to_detect),
            "time_to_recover_seconds": _seconds(measures.time_to_recover),
            "outage_seconds": _seconds(measures.outage),
            "restored": _restored(result),
            "seconds": result.run.duration_seconds,
            "run": str(run.folder),
            "plan_digest": result.run.plan_digest,
        }
    )
    harm = why_stop(outcome, result)
    return FleetRun(told, None if harm is None else f"{told.where}: {harm}", outcome.stop_signal)


def _without_run(member: Member, outcome: FleetOutcome, error: FlowdrillError) -> FleetDrill:
    return _told(member, outcome, (error.problem, error.remedy))


def _told(member: Member, outcome: FleetOutcome, reasons: Sequence[str]) -> FleetDrill:
    plan = member.plan
    return FleetDrill(
        namespace=member.target.namespace,
        workload=member.target.workload,
        outcome=outcome,
        reasons=tuple(reasons),
        url=None if isinstance(plan, FlowdrillError) else plan.drill.load.url,
    )


def _seconds(measure: Measure | None) -> float | None:
    return None if measure is None else measure.seconds


def _restored(result: Result) -> bool | None:
    found = next((one.status for one in result.checks if one.name == _AS_BEFORE), None)
    return {Status.PASS: True, Status.WARNING: True, Status.FAIL: False}.get(found) if found is not None else None
