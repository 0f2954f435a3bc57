"""One run, from preflight to the last event. The undo is written down before the harm, and done whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowdrill.analysis.outcomes import requests_of
from flowdrill.engine.activities import AroundDrill
from flowdrill.engine.alert_checks import refuse_loud_alerts
from flowdrill.engine.as_before_check import make_room, remember_standing
from flowdrill.engine.baseline import UnsteadyError, hold_baseline
from flowdrill.engine.brake import drill_the_brake
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.evidence import take_provider_log
from flowdrill.engine.facts import Step
from flowdrill.engine.limits import LimitReachedError, Limits
from flowdrill.engine.lookout import EndAskedError, Lookout, StopAskedError
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.obstacles import InTheWay
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Emit, Ports
from flowdrill.engine.preflight import preflight, refuse_changed
from flowdrill.engine.provider_start import refuse_gone, start_provider
from flowdrill.engine.steering import await_restore, await_step
from flowdrill.engine.undo_making import undo_of
from flowdrill.engine.undoing import Progress, undo_run
from flowdrill.errors import DrillRefusedError, FlowdrillError, ForbiddenError
from flowdrill.model.events import (
    AuditFactsTold,
    BrokenImageMade,
    End,
    Event,
    LimitsInForce,
    Phase,
    RunEnded,
    RunStarted,
    UndoRegistered,
)
from flowdrill.model.provider_log import BASELINE_LOG
from flowdrill.model.undo import undo_digest


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. `error` is set when it ended for something the user has to mend."""

    end: End
    why: str
    error: FlowdrillError | None = None
    stop_signal: str | None = None


class _Journal:
    """Writes events. A journal that cannot be written (a full disk) ends the drill, but must not end the undo."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.goes_on = False
        self.problem: FlowdrillError | None = None
        self.defect: Exception | None = None

    def write(self, event: Event) -> None:
        """Write an event; once the undo goes on, an error is only kept."""
        try:
            self._emit(event)
        except FlowdrillError as error:
            self.problem = self.problem or error
            if not self.goes_on:
                raise
        except Exception as error:
            if not self.goes_on:
                raise
            self.defect = self.defect or error


def run(order: RunOrder, ports: Ports, emit: Emit) -> RunOutcome:
    """Carry out a drill. Every way out restores the workload and cleans up first; FlowdrillErrors become the outcome,
    anything else is a defect of flowdrill and is raised after the restore."""
    journal = _Journal(emit)
    tell = Narrator(ports.clock, journal.write)
    lookout = Lookout(ports.clock, ports.inbox, journal.write, order.drill.load, order.drill.trigger)
    _tell_started(order, ports, tell)
    limits = lookout.limits = Limits(order.drill, ports.clock.now_ns(), ports.around.keys())
    progress = Progress(InTheWay(ports, tell), AroundDrill(order.drill.chaos, ports, lookout, tell))
    outcome = RunOutcome(End.FAILED, "flowdrill itself failed: this is a defect, please report it")
    try:
        outcome = _drill(order, ports, lookout, limits, tell, progress)
    finally:
        journal.goes_on = True
        undone = undo_run(order, ports, lookout, tell, progress)
        if undone.error is not None:
            outcome = replace(outcome, error=undone.error)
        elif journal.problem is not None:
            outcome = replace(outcome, error=outcome.error or journal.problem)
        _tell_ended(outcome, undone.left, requests_of(lookout.outcomes), ports, tell)
    if journal.defect is not None:
        raise journal.defect
    return outcome


def _drill(
    order: RunOrder, ports: Ports, lookout: Lookout, limits: Limits, tell: Narrator, progress: Progress
) -> RunOutcome:
    try:
        tell.phase(Phase.PREFLIGHT)
        ports.load.get_ready()
        cleared = preflight(order, ports, tell)
        await_step(Step.START, ports, lookout, tell)
        _register_undo(order, cleared, ports, tell, progress)
        tell.phase(Phase.BASELINE)
        tell.emit(LimitsInForce(at_ns=ports.clock.now_ns(), limits=limits.in_force))
        if cleared.provider is not None:
            progress.starting = cleared.provider
            start_provider(cleared.provider, order, cleared.release, ports, lookout, tell)
        progress.activities.get_ready()  # what third parties import is no part of the baseline
        baseline_from_ns = ports.clock.now_ns()
        ports.workload.start_watching(ports.tell)
        for source in (*ports.sources, *ports.around.values()):
            source.start_watching(ports.tell)
        ports.load.start(ports.tell)
        baseline = hold_baseline(order, lookout, ports.clock, tell)
        limits.normal_bad_ratio = baseline.observed_bad_ratio
        progress.activities.before_the_break()
        progress.pushed = True
        for image in cleared.pushed:  # what the way back needs comes first
            ports.registry.push(image)
        _tell_broken_made(cleared, ports, tell)
        take_provider_log(BASELINE_LOG, baseline_from_ns, ports, tell)  # the break may end the pods that wrote it
        await_step(Step.BREAK, ports, lookout, tell)
        lookout.catch_up()
        refuse_loud_alerts(order.drill.detect, lookout, tell)
        refuse_gone(progress.starting, tell)
        refuse_changed(order, cleared, ports)
        if ports.guard is not None:
            ports.guard.await_ready()
        make_room(progress.before, ports, tell)
        progress.breaking = True
        end, why = drill_the_brake(order, cleared, baseline, progress, ports, lookout, tell)
        refuse_gone(progress.starting, tell)
        await_restore(ports, lookout, tell)
    except UnsteadyError as unsteady:
        return RunOutcome(End.UNSTEADY, str(unsteady))
    except StopAskedError as stop:
        return RunOutcome(End.INTERRUPTED, f"{stop.signal} received", stop_signal=stop.signal)
    except EndAskedError as asked:
        return RunOutcome(End.INTERRUPTED, str(asked))
    except LimitReachedError as reached:
        return RunOutcome(End.LIMIT, str(reached))
    except FlowdrillError as error:
        return RunOutcome(End.FAILED if progress.undo is not None else End.REFUSED, error.problem, error=error)
    return RunOutcome(end, why)


def _register_undo(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator, progress: Progress) -> None:
    """Write the undo down twice before anything is broken, and have the guard watch; the lease is also the lock. The
    guard comes first: a harness that dies with the lock leaves nobody to take it away."""
    undo = undo_of(order, cleared)
    ports.evidence.remember_undo(undo)
    progress.before = remember_standing(undo, ports)
    if ports.guard is not None:
        ports.guard.begin(undo, ports.tell)
    progress.undo = undo  # before it is locked: an answer may be lost, and giving back what is not held does no harm
    try:
        where = ports.workload.lock(undo)
    except (DrillRefusedError, ForbiddenError):
        progress.undo = None
        if ports.guard is not None:
            ports.guard.dismiss()
        raise
    if ports.guard is not None:
        ports.guard.keep_lease(undo)
    tell.emit(UndoRegistered(at_ns=ports.clock.now_ns(), where=where, image=undo.image, digest=undo_digest(undo)))


def _tell_started(order: RunOrder, ports: Ports, tell: Narrator) -> None:
    tell.emit(
        RunStarted(
            at_ns=ports.clock.now_ns(),
            run_id=order.run_id,
            tool_version=order.tool_version,
            plan_digest=order.plan_digest,
            clock=ports.clock.pair(),
            cluster=order.cluster,
            kubernetes_version=order.kubernetes_version,
            host=order.host,
            approved=order.approved,
        )
    )
    if ports.steering is not None:
        tell.note(ports.steering.words)
    if order.audit is not None:
        tell.emit(AuditFactsTold(at_ns=ports.clock.now_ns(), facts=order.audit))


def _tell_broken_made(cleared: Cleared, ports: Ports, tell: Narrator) -> None:
    image = cleared.broken.image
    tell.emit(
        BrokenImageMade(
            at_ns=ports.clock.now_ns(),
            reference=str(image.reference),
            digest=str(image.reference.digest),
            changes=(*image.changes, *cleared.release.changes),
            new_bytes=image.new_bytes,
        )
    )


def _tell_ended(outcome: RunOutcome, left: tuple[str, ...], outcomes: int, ports: Ports, tell: Narrator) -> None:
    clock = ports.clock.pair()
    tell.emit(RunEnded(ports.clock.now_ns(), outcome.end, outcome.why, clock, left, outcomes))
