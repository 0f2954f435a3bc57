"""Puts everything back, whatever ended the drill, and says what it could not put back. The same for the harness, for
the guard that acts in its place, and for `flowdrill restore`: all it knows of the drill is the undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.data_recovery import (
    PullRetry,
    free_stuck_pods,
    recover_data_once,
    stable_pod_failure,
)
from flowdrill.engine.lookout import taken_over
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.obstacles import InTheWay
from flowdrill.engine.ports import RestorePorts
from flowdrill.engine.release_setting import restore_release
from flowdrill.engine.template_check import container_of
from flowdrill.errors import FlowdrillError, NotRestoredError, TakenOverError
from flowdrill.model.container_fields import has_fields
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.release import pods_read_at_start
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

LEAST_LIMIT_SECONDS = 300.0  # however strict the drill's own limit is, putting back gets its time
_LOOK_AGAIN_SECONDS = 0.5  # read from the API itself: nothing is measured any more, and a watch may be lost

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it. `error`: something is not as it was before. `theirs`: somebody else has set the workload's image
    meanwhile, which was left as it is."""

    error: NotRestoredError | None = None
    theirs: TakenOverError | None = None


def restore(
    undo: Undo, limit_seconds: float, in_the_way: InTheWay, ports: RestorePorts, pause: Pause, tell: Narrator,
    *, break_may_come: bool = False,
) -> Restored:  # fmt: skip
    """Take away what was put in the way of the rollback, and bring the workload, and the model provider where the drill
    changed it, back to how they were before the drill. Recorded as checks. What somebody else deployed meanwhile stays.
    `pause` waits that many seconds; it may raise to end the restore. `break_may_come`: the break was sent and not
    answered, and may still be on its way."""
    name, required = "ends_on_stable_digest", f"{undo.workload} ends on {undo.pinned.partition('@')[2] or undo.image}"
    patience = _Patience(ports, pause, tell, max(limit_seconds, LEAST_LIMIT_SECONDS))
    problem, theirs = None, None
    try:
        if break_may_come:
            patience.until_done(lambda: ports.workload.outdate(undo.run_id))
        problem = _put_back(undo, in_the_way, ports, patience, tell)
    except TakenOverError as error:
        theirs = error
        tell.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
    else:
        observed = problem or "every pod runs it, and the template is the one from before"
        _tell_restored(name, required, observed, problem, undo, tell)
    in_the_way_still = patience.until_done(in_the_way.take_away)
    in_the_way.tell_removed()
    if problem is not None or in_the_way_still is not None:
        told = "; ".join(one for one in (problem, in_the_way_still) if one is not None)
        return Restored(_not_restored(undo.workload, told, undo, in_the_way.left), theirs)
    return Restored(_settle_provider(undo, ports, patience, tell), theirs)


def _settle_provider(undo: Undo, ports: RestorePorts, patience: _Patience, tell: Narrator) -> NotRestoredError | None:
    """Wait until the provider serves as before: its patch was the first thing that was put back."""
    if undo.provider is None or ports.provider is None:
        return None
    problem = patience.until_done(ports.provider.unsettled)
    required = f"{undo.provider} is in its mode from before the drill"
    observed = problem or "every pod of it is ready in that mode"
    _tell_restored("provider_restored", required, observed, problem, undo, tell)
    return None if problem is None else _not_restored(undo.provider, problem, undo, ())


def _tell_restored(name: str, required: str, observed: str, problem: str | None, undo: Undo, tell: Narrator) -> None:
    status, detail = (Status.PASS, "") if problem is None else (Status.FAIL, undo.by_hand())
    tell.check(name, status, required=required, observed=observed, detail=detail)


def _not_restored(what: str, problem: str, undo: Undo, in_the_way: tuple[str, ...]) -> NotRestoredError:
    by_hand = undo.without_obstacles_but(in_the_way).by_hand()
    return NotRestoredError(f"{what} is NOT restored: {problem}", f"put it back: {by_hand}")


class _Patience:
    """Tries until something is done or the restore's deadline has come. An API server that is away now may be back in
    a minute: nothing is given up before."""

    def __init__(self, ports: RestorePorts, pause: Pause, tell: Narrator, limit_seconds: float) -> None:
        self._ports, self._pause, self._tell = ports, pause, tell
        self._deadline_ns = ports.clock.now_ns() + seconds_to_ns(limit_seconds)
        self._told: str | None = None

    def until_done(self, attempt: Callable[[], str | None]) -> str | None:
        """Return None once `attempt` does, or what it returned or raised last. TakenOverError comes through."""
        while True:
            try:
                problem = attempt()
            except TakenOverError:
                raise
            except FlowdrillError as error:
                problem = error.problem
                self._tell_once(problem)
            if problem is None or self._ports.clock.now_ns() >= self._deadline_ns:
                return problem
            self._pause(_LOOK_AGAIN_SECONDS)

    def _tell_once(self, problem: str) -> None:
        if problem != self._told:
            self._tell.note(f"restoring, trying again: {problem}")
            self._told = problem


def _put_back(undo: Undo, in_the_way: InTheWay, ports: RestorePorts, patience: _Patience, tell: Narrator) -> str | None:
    """Take away what is in the way, put back what is beside the workload, then the workload itself; return None, or
    what still keeps it from its stable state at the deadline."""
    pending, stale = bool(undo.beside), frozenset[str]()
    recovering = undo.recovery is not None
    pulls = PullRetry(undo, ports, tell)

    def attempt() -> str | None:
        nonlocal pending, stale, recovering
        in_the_way.take_away()
        if pending:
            for name, patch in undo.beside.items():
                ports.workload.patch_beside(name, patch)
            if pods_read_at_start(undo.beside):
                stale = frozenset(pod.uid for pod in ports.workload.snapshot().pods)
            pending = False
        if recovering:
            problem = recover_data_once(undo, ports, tell)
            if problem is not None:
                return problem
            tell.note("the data is put back")
        problem = _put_back_once(undo, ports, tell)
        if problem is not None and in_the_way.kept_pods_from_pulling and not in_the_way.left:
            pulls.try_again()
        # what a broken pod did to the data after it was put back, in its last moment, is put back once more
        recovering = undo.recovery is not None and stable_pod_failure(undo, ports.workload.snapshot()) is not None
        return _renew(stale, problem, ports) if stale else problem

    return patience.until_done(attempt)


def _renew(stale: frozenset[str], problem: str | None, ports: RestorePorts) -> str | None:
    """Replace the pods in `stale`, which started before everything was put back: those that serve one after the other,
    so that users keep what service there is. Return `problem`, or that some are left, or None."""
    left = [pod for pod in ports.workload.snapshot().pods if pod.uid in stale and not pod.deleting]
    idle = [pod for pod in left if not pod.ready]
    for pod in idle or (left[:1] if problem is None else []):
        ports.workload.delete_pod(pod.name, pod.uid)
    return problem or (f"{len(left)} pods still run with what they read during the drill" if left else None)


def _put_back_once(undo: Undo, ports: RestorePorts, tell: Narrator) -> str | None:
    """Look, and do what is missing; return what is not yet as it was, or None."""
    seen = ports.workload.snapshot()
    if undo.uid and seen.uid != undo.uid:
        raise TakenOverError(
            f"{undo.workload} was deleted during the drill, and somebody has made another one: it is left alone",
            "drill when nobody deploys",
        )
    if not undo.owns(seen.image):
        raise taken_over(seen)
    cause = undo.change_cause if undo.set_cause(seen.change_cause) else seen.change_cause  # somebody else's stays
    if (seen.image, seen.change_cause) != (undo.image, cause) or _fields_left(undo, ports):
        restore_release(undo.image, cause, undo.fields, ports, tell)
        seen = ports.workload.snapshot()
    problem = not_on_digest_because(seen, frozenset(undo.digests))
    if problem is not None:
        free_stuck_pods([str(one.reference) for one in undo.made], ports, tell)
    elif undo.replicas is not None and seen.wanted_replicas != undo.replicas:
        tell.note(f"somebody else scaled from {undo.replicas} to {seen.wanted_replicas} replicas")
    return problem


def _fields_left(undo: Undo, ports: RestorePorts) -> bool:
    """Whether something of the container is still as the release has it: a rollback by somebody else may bring back the
    image alone."""
    now = container_of(ports.workload.template(), undo.container) if undo.fields else {}
    return not has_fields(now, undo.fields)
