"""Ends a run, whatever ended it: restores and cleans up, stands aside where the guard acts, or gives up and leaves it
to the guard."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.engine.activities import AroundDrill
from flowdrill.engine.as_before_check import check_as_before
from flowdrill.engine.cleaning_up import clean_up, patience_for, removal, tell_left
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.obstacles import InTheWay
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.provider_start import ProviderStart
from flowdrill.engine.restore import LEAST_LIMIT_SECONDS, restore
from flowdrill.errors import FencedError, FlowdrillError, GuardActsError, NotRestoredError
from flowdrill.model.events import Phase
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.standing import Standing
from flowdrill.model.undo import Undo

_MAY_BE_LOST = (FencedError, GuardActsError)  # what a run must not take for a step that failed
_LOOK_AGAIN_SECONDS = 0.5
_AWAY_SECONDS = 60.0  # how long cleaning up waits for a cluster or a registry that is away
_SERVED_SECONDS, _SERVED_ANSWERS = 5.0, 200  # how long users are watched once more, and the answers looked at


class Progress:
    """How far a run has come: what has to be undone."""

    def __init__(self, in_the_way: InTheWay, activities: AroundDrill) -> None:
        self.in_the_way = in_the_way
        self.activities = activities
        self.undo: Undo | None = None  # written down: the workload is locked
        self.before: Standing | None = None  # how everything stood then
        self.starting: ProviderStart | None = None
        self.pushed = False
        self.breaking = False


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of putting back: what is left behind, and an error when the workload is not as it was."""

    left: tuple[str, ...] = ()
    error: FlowdrillError | None = None


def undo_run(order: RunOrder, ports: Ports, lookout: Lookout, tell: Narrator, progress: Progress) -> Undone:
    """Restore and clean up what this run did, unless the guard does."""
    lookout.finish_in_peace()
    undo = progress.undo
    progress.activities.stop()
    if undo is None:
        ports.load.stop()  # it may have got ready
        return Undone()
    tell.phase(Phase.RESTORE)
    try:
        if lookout.guard_acts is not None:
            raise lookout.guard_acts
        if progress.breaking:
            put_back = restore(
                undo, order.drill.rollback.limit, progress.in_the_way, ports, lookout.pause, tell,
                break_may_come=lookout.broken_ns == 0,
            )  # fmt: skip
            see_users_served(lookout)
            progress.activities.finish(restored=put_back.error is None)
            if put_back.error is not None:
                return _give_up(undo, put_back.error, ports, lookout, progress)
        else:
            progress.activities.finish(restored=True)
        return _clean_unless_fenced(undo, ports, lookout, tell, progress)
    except GuardActsError as acts:
        return _stand_aside(acts, ports)


def _give_up(undo: Undo, error: NotRestoredError, ports: Ports, lookout: Lookout, progress: Progress) -> Undone:
    """The lease stays, since it tells how to put the workload back, and so does the image that pods still need."""
    ports.load.stop()
    _stop_watching(ports)
    started = progress.starting is not None
    left = clean_up(removal(undo, ports, lookout.pause, started=started, forget=False, delete=False, dismiss=False))
    goes_on = None if ports.guard is None else ports.guard.leave_to_it()
    if goes_on is not None:
        error = NotRestoredError(error.problem, f"the guard goes on trying ({goes_on}); or {error.remedy}")
    told = "what is not restored, the drill's images, and the lease that tells how to put it back"
    return Undone((*left, told), error)


def _stand_aside(acts: GuardActsError, ports: Ports) -> Undone:
    """The guard acts: this run touches nothing of the cluster any more, and waits for what comes of it."""
    ports.load.stop()
    _stop_watching(ports)
    came = "" if ports.guard is None else ports.guard.await_end()
    return Undone((), GuardActsError(f"{acts.problem}; {came}", "see guard.jsonl in the run folder"))


def _clean_unless_fenced(undo: Undo, ports: Ports, lookout: Lookout, tell: Narrator, progress: Progress) -> Undone:
    """Clean up. A run that may have lost its Lease waits until it knows: it has it still, or the guard acts."""
    deadline_ns = ports.clock.now_ns() + seconds_to_ns(LEAST_LIMIT_SECONDS)
    while True:
        try:
            return _clean(undo, ports, lookout, tell, progress)
        except FencedError as error:
            if ports.clock.now_ns() >= deadline_ns:
                return _give_up(undo, NotRestoredError(error.problem, undo.by_hand()), ports, lookout, progress)
            lookout.pause(_LOOK_AGAIN_SECONDS)


def _clean(undo: Undo, ports: Ports, lookout: Lookout, tell: Narrator, progress: Progress) -> Undone:
    def stop_load() -> tuple[str, ...]:
        ports.load.stop()
        for path, what in ports.load.evidence():
            tell.evidence(path, what)
        return ()

    def unlock() -> tuple[str, ...]:
        _stop_watching(ports)
        if ports.guard is not None:
            ports.guard.stop_renewing(undo)
        ports.workload.unlock(undo.run_id)
        return ()

    steps = removal(
        undo,
        ports,
        lookout.pause,
        started=progress.starting is not None,
        forget=progress.breaking,
        delete=progress.pushed,
    )
    patience = patience_for(_AWAY_SECONDS, ports.clock, lookout.pause)
    left = clean_up((("the load", stop_load), *steps), _MAY_BE_LOST, patience)
    try:
        check_as_before(undo, progress.before, ports, lookout.pause, tell)
    finally:
        left = (*left, *clean_up((("the lease", unlock),), _MAY_BE_LOST, patience))
    if ports.guard is not None and any(one.startswith("the lease: ") for one in left):
        ports.guard.leave_to_it()
    elif ports.guard is not None:
        ports.guard.dismiss()
    tell_left(left, tell)
    return Undone(left)


def see_users_served(lookout: Lookout) -> None:
    """Watch users for a moment longer where the restore is what ended their outage: so that it has an end."""

    def served(_: int) -> bool | None:
        newest = lookout.outcomes[-_SERVED_ANSWERS:]
        since_ns = max((max(one.sent_ns, one.known_ns) for one in newest if one.bad), default=None)
        return True if since_ns is None or any(not one.bad and one.sent_ns >= since_ns for one in newest) else None

    lookout.wait(served, _SERVED_SECONDS)


def _stop_watching(ports: Ports) -> None:
    ports.workload.stop_watching()
    for source in (*ports.sources, *ports.around.values()):
        source.stop_watching()
