"""Puts everything back, whatever ended the drill, and says what it could not put back."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.data_recovery import free_stuck_pods, recover_data_once, stable_pod_failure
from flowdrill.engine.lookout import Lookout, taken_over
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.release_setting import restore_release
from flowdrill.errors import FlowdrillError, NotRestoredError, TakenOverError
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.release import pods_read_at_start
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

_LEAST_LIMIT_SECONDS = 300.0  # however strict the drill's own limit is, putting back gets its time
_LOOK_AGAIN_SECONDS = 0.5  # read from the API itself: nothing is measured any more, and a watch may be lost


def restore(
    order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator
) -> NotRestoredError | None:
    """Bring the workload, and the model provider where the drill changed it, back to how they were before the drill;
    return None, or the error that says what is wrong and how to put it back by hand. Recorded as checks. What somebody
    else deployed meanwhile stays."""
    name, required = "ends_on_stable_digest", f"{order.drill.target.workload} ends on {cleared.stable.pinned.digest}"
    patience = _Patience(ports, lookout, tell, max(order.drill.rollback.limit, _LEAST_LIMIT_SECONDS))
    try:
        problem = _put_back(cleared, ports, patience, tell)
    except TakenOverError as error:
        tell.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
        problem = None
    else:
        observed = problem or "every pod runs it, and the template is the one from before"
        _tell_restored(name, required, observed, problem, order, cleared, tell)
    if problem is not None:
        return _not_restored(order.drill.target.workload, problem, order, cleared)
    return _settle_provider(order, cleared, ports, patience, tell)


def _settle_provider(
    order: RunOrder, cleared: Cleared, ports: Ports, patience: _Patience, tell: Narrator
) -> NotRestoredError | None:
    """Wait until the provider serves as before: its patch was the first thing that was put back."""
    plan, provider = order.drill.provider, ports.provider
    if plan is None or provider is None or plan.workload not in cleared.release.stable_beside:
        return None
    problem = patience.until_done(provider.unsettled)
    required = f"{plan.workload} is in its mode from before the drill"
    observed = problem or "every pod of it is ready in that mode"
    _tell_restored("provider_restored", required, observed, problem, order, cleared, tell)
    return None if problem is None else _not_restored(plan.workload, problem, order, cleared)


def _tell_restored(
    name: str, required: str, observed: str, problem: str | None, order: RunOrder, cleared: Cleared, tell: Narrator
) -> None:
    status, detail = (Status.PASS, "") if problem is None else (Status.FAIL, undo_of(order, cleared).by_hand())
    tell.check(name, status, required=required, observed=observed, detail=detail)


def _not_restored(what: str, problem: str, order: RunOrder, cleared: Cleared) -> NotRestoredError:
    return NotRestoredError(f"{what} is NOT restored: {problem}", f"put it back: {undo_of(order, cleared).by_hand()}")


def undo_of(order: RunOrder, cleared: Cleared) -> Undo:
    """Return all that is needed to put the workload back."""
    return Undo(
        run_id=order.run_id,
        workload=order.drill.target.workload,
        namespace=order.drill.target.namespace,
        container=order.container,
        image=cleared.stable.written,
        change_cause=cleared.stable.change_cause,
        host=order.host,
        fields=cleared.release.stable_fields,
        beside=cleared.release.stable_beside,
        recovery_image=None if cleared.recovery is None else str(cleared.recovery.image.reference),
        started=None if cleared.provider is None else cleared.provider.workload,
    )


class _Patience:
    """Tries until something is done or the restore's deadline has come. An API server that is away now may be back in
    a minute: nothing is given up before."""

    def __init__(self, ports: Ports, lookout: Lookout, tell: Narrator, limit_seconds: float) -> None:
        self._ports, self._lookout, self._tell = ports, lookout, tell
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
            self._lookout.wait(lambda _: None, _LOOK_AGAIN_SECONDS)

    def _tell_once(self, problem: str) -> None:
        if problem != self._told:
            self._tell.note(f"restoring, trying again: {problem}")
            self._told = problem


def _put_back(cleared: Cleared, ports: Ports, patience: _Patience, tell: Narrator) -> str | None:
    """Put back what is beside the workload, then the workload itself; return None, or what still keeps it from its
    stable state at the deadline."""
    beside = cleared.release.stable_beside
    pending, stale = bool(beside), frozenset[str]()
    recovering = cleared.recovery is not None

    def attempt() -> str | None:
        nonlocal pending, stale, recovering
        if pending:
            for name, patch in beside.items():
                ports.workload.patch_beside(name, patch)
            if pods_read_at_start(beside):
                stale = frozenset(pod.uid for pod in ports.workload.snapshot().pods)
            pending = False
        if recovering:
            problem = recover_data_once(cleared, ports, tell)
            if problem is not None:
                return problem
            tell.note("the data is put back")
        problem = _put_back_once(cleared, ports, tell)
        # what a broken pod did to the data after it was put back, in its last moment, is put back once more
        recovering = cleared.recovery is not None and stable_pod_failure(cleared, ports.workload.snapshot()) is not None
        return _renew(stale, problem, ports) if stale else problem

    return patience.until_done(attempt)


def _renew(stale: frozenset[str], problem: str | None, ports: Ports) -> str | None:
    """Replace the pods in `stale`, which started before everything was put back: those that serve one after the other,
    so that users keep what service there is. Return `problem`, or that some are left, or None."""
    left = [pod for pod in ports.workload.snapshot().pods if pod.uid in stale and not pod.deleting]
    idle = [pod for pod in left if not pod.ready]
    for pod in idle or (left[:1] if problem is None else []):
        ports.workload.delete_pod(pod.name, pod.uid)
    return problem or (f"{len(left)} pods still run with what they read during the drill" if left else None)


def _put_back_once(cleared: Cleared, ports: Ports, tell: Narrator) -> str | None:
    """Look, and do what is missing; return what is not yet as it was, or None."""
    stable, seen = cleared.stable, ports.workload.snapshot()
    if seen.image not in cleared.own_images:
        raise taken_over(seen)
    if seen.image != stable.written or seen.change_cause != stable.change_cause:
        restore_release(stable.written, stable.change_cause, cleared.release, ports, tell)
        seen = ports.workload.snapshot()
    problem = not_on_digest_because(seen, stable.digests)
    if problem is not None:
        free_stuck_pods([str(one.image.reference) for one in cleared.pushed], ports, tell)
    elif seen.wanted_replicas != cleared.before.wanted_replicas:
        tell.note(f"somebody else scaled from {cleared.before.wanted_replicas} to {seen.wanted_replicas} replicas")
    return problem


def clean_up(steps: tuple[tuple[str, Callable[[], tuple[str, ...]]], ...]) -> tuple[str, ...]:
    """Run every step, also after one failed; return what is left behind, each with the reason."""
    left: list[str] = []
    for what, step in steps:
        try:
            left.extend(step())
        except FlowdrillError as error:
            left.append(f"{what}: {error.problem}")
    return tuple(left)
