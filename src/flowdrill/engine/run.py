"""One run, from preflight to the last event. The undo is written down before the harm, and done whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from flowdrill.engine.baseline import UnsteadyError, hold_baseline
from flowdrill.engine.brake import drill_the_brake
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.evidence import take_provider_log
from flowdrill.engine.lookout import Lookout, StopAskedError
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Emit, Ports
from flowdrill.engine.preflight import preflight, refuse_changed
from flowdrill.engine.provider_start import ProviderStart, refuse_gone, remove_provider, start_provider
from flowdrill.engine.restore import clean_up, restore, undo_of
from flowdrill.errors import DrillRefusedError, FlowdrillError, ForbiddenError, NotRestoredError
from flowdrill.model.events import BrokenImageMade, End, Event, Phase, RunEnded, RunStarted, UndoRegistered
from flowdrill.model.images import BrokenImage
from flowdrill.model.provider_log import BASELINE_LOG
from flowdrill.model.status import Status


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. `error` is set when it ended for something the user has to mend."""

    end: End
    why: str
    error: FlowdrillError | None = None
    stop_signal: str | None = None


class _Progress:
    """How far a run has come: what has to be undone."""

    def __init__(self) -> None:
        self.cleared: Cleared | None = None
        self.locked = False
        self.starting: ProviderStart | None = None
        self.pushed = False
        self.breaking = False


class _Journal:
    """Writes events. A journal that cannot be written (a full disk) ends the drill, but must not end the undo."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.goes_on = False
        self.problem: FlowdrillError | None = None

    def write(self, event: Event) -> None:
        """Write an event; once the undo goes on, an error is only kept."""
        try:
            self._emit(event)
        except FlowdrillError as error:
            self.problem = self.problem or error
            if not self.goes_on:
                raise


def run(order: RunOrder, ports: Ports, emit: Emit) -> RunOutcome:
    """Carry out a drill. Every way out restores the workload and cleans up first; FlowdrillErrors become the outcome,
    anything else is a defect of flowdrill and is raised after the restore."""
    journal = _Journal(emit)
    tell = Narrator(ports.clock, journal.write)
    lookout = Lookout(ports.clock, ports.inbox, journal.write, order.drill.load)
    _tell_started(order, ports, tell)
    progress = _Progress()
    outcome = RunOutcome(End.FAILED, "flowdrill itself failed: this is a defect, please report it")
    try:
        outcome = _drill(order, ports, lookout, tell, progress)
    finally:
        journal.goes_on = True
        left, still_broken = _undo(order, ports, lookout, tell, progress)
        if still_broken is not None:
            outcome = replace(outcome, error=still_broken)
        elif journal.problem is not None:
            outcome = replace(outcome, error=outcome.error or journal.problem)
        _tell_ended(outcome, left, ports, tell)
    return outcome


def _drill(order: RunOrder, ports: Ports, lookout: Lookout, tell: Narrator, progress: _Progress) -> RunOutcome:
    try:
        tell.phase(Phase.PREFLIGHT)
        cleared = progress.cleared = preflight(order, ports, tell)
        _register_undo(order, cleared, ports, tell, progress)
        tell.phase(Phase.BASELINE)
        if cleared.provider is not None:
            progress.starting = cleared.provider
            start_provider(cleared.provider, order, cleared.release, ports, lookout, tell)
        baseline_from_ns = ports.clock.now_ns()
        ports.workload.start_watching(ports.tell)
        ports.load.start(ports.tell)
        baseline = hold_baseline(order, lookout, ports.clock, tell)
        progress.pushed = True
        for image in cleared.pushed:  # what the way back needs comes first
            ports.registry.push(image)
        _tell_broken_made(cleared, ports, tell)
        take_provider_log(BASELINE_LOG, baseline_from_ns, ports, tell)  # the break may end the pods that wrote it
        lookout.catch_up()
        refuse_gone(progress.starting, tell)
        refuse_changed(order, cleared, ports)
        progress.breaking = True
        end, why = drill_the_brake(order, cleared, baseline, ports, lookout, tell)
        refuse_gone(progress.starting, tell)
    except UnsteadyError as unsteady:
        return RunOutcome(End.UNSTEADY, str(unsteady))
    except StopAskedError as stop:
        return RunOutcome(End.INTERRUPTED, f"{stop.signal} received", stop_signal=stop.signal)
    except FlowdrillError as error:
        return RunOutcome(End.FAILED if progress.locked else End.REFUSED, error.problem, error=error)
    return RunOutcome(end, why)


def _register_undo(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator, progress: _Progress) -> None:
    """Write the undo down twice before anything is broken; the lease is also the lock."""
    undo = undo_of(order, cleared)
    progress.locked = True  # before it is: an answer may be lost, and giving back what is not held does no harm
    try:
        where = ports.workload.lock(undo)
    except (DrillRefusedError, ForbiddenError):
        progress.locked = False
        raise
    ports.evidence.remember_undo(undo)
    tell.emit(UndoRegistered(at_ns=ports.clock.now_ns(), where=where, image=undo.image))


def _undo(
    order: RunOrder, ports: Ports, lookout: Lookout, tell: Narrator, progress: _Progress
) -> tuple[tuple[str, ...], NotRestoredError | None]:
    """Restore and clean up what this run did; return what is left behind, and an error when the workload is not as
    it was: then the lease stays, since it tells how to put it back, and so does the image that pods still need."""
    lookout.finish_in_peace()
    if not progress.locked or progress.cleared is None:
        return (), None
    provider = ("the model provider", lambda: remove_provider(progress.starting, order, ports, lookout))
    cleared, images = progress.cleared, [one.image for one in progress.cleared.pushed]
    tell.phase(Phase.RESTORE)
    if progress.breaking:
        not_restored = restore(order, cleared, ports, lookout, tell)
        if not_restored is not None:
            ports.load.stop()
            ports.workload.stop_watching()
            return (
                *clean_up((provider,)),
                "what is not restored, the drill's images, and the lease that tells how to put it back",
            ), not_restored

    def stop_load() -> tuple[str, ...]:
        ports.load.stop()
        for path, what in ports.load.evidence():
            tell.evidence(path, what)
        return ()

    def unlock() -> tuple[str, ...]:
        ports.workload.stop_watching()
        ports.workload.unlock(order.run_id)
        return ()

    def forget(image: BrokenImage) -> tuple[str, ...]:
        return ports.workload.forget_image(str(image.reference)) if progress.breaking else ()

    def delete(image: BrokenImage) -> tuple[str, ...]:
        return ports.registry.delete(image) if progress.pushed else ()

    left = clean_up(
        (
            ("the load", stop_load),
            provider,
            *(("revisions", partial(forget, one)) for one in images),
            *((str(one.reference), partial(delete, one)) for one in images),
            ("the lease", unlock),
        )
    )
    tell.check(
        "nothing_left_behind",
        Status.FAIL if left else Status.PASS,
        required="no broken image, revision, lease, load or started provider is left",
        observed="; ".join(left) or "all removed, and looked for again",
    )
    return left, None


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
        )
    )


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


def _tell_ended(outcome: RunOutcome, left: tuple[str, ...], ports: Ports, tell: Narrator) -> None:
    tell.emit(
        RunEnded(
            at_ns=ports.clock.now_ns(), end=outcome.end, why=outcome.why, clock=ports.clock.pair(), left_behind=left
        )
    )
