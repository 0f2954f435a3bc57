"""Puts everything back, whatever ended the drill, and says what it could not put back."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.lookout import Lookout, taken_over
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.preflight import Cleared
from flowdrill.engine.release_setting import restore_release
from flowdrill.errors import FlowdrillError, NotRestoredError, TakenOverError
from flowdrill.model.events import Status
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.undo import Undo

_LEAST_LIMIT_SECONDS = 300.0  # however strict the drill's own limit is, putting back gets its time
_LOOK_AGAIN_SECONDS = 0.5  # read from the API itself: nothing is measured any more, and a watch may be lost


def restore(
    order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator
) -> NotRestoredError | None:
    """Bring the workload back to its template from before the drill; return None, or the error that says what is
    wrong and how to put it back by hand. Recorded as a check. What somebody else deployed meanwhile stays."""
    name, required = "ends_on_stable_digest", f"{order.drill.target.workload} ends on {cleared.stable.pinned.digest}"
    try:
        problem = _put_back(order, cleared, ports, lookout, tell)
    except TakenOverError as error:
        tell.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
        return None
    if problem is None:
        observed = "every pod runs it, and the template is the one from before"
        tell.check(name, Status.PASS, required=required, observed=observed)
        return None
    by_hand = undo_of(order, cleared).by_hand()
    tell.check(name, Status.FAIL, required=required, observed=problem, detail=by_hand)
    return NotRestoredError(f"{order.drill.target.workload} is NOT restored: {problem}", f"put it back: {by_hand}")


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
        config=cleared.release.stable_config,
    )


def _put_back(order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator) -> str | None:
    """Try until the workload is in its stable state; return None, or what still keeps it from there at the deadline.
    An API server that is away now may be back in a minute: nothing is given up before."""
    deadline_ns = ports.clock.now_ns() + seconds_to_ns(max(order.drill.rollback.limit, _LEAST_LIMIT_SECONDS))
    told, config = None, cleared.release.stable_config
    while True:
        try:
            if config is not None:
                ports.workload.set_config(config)
                ports.workload.restart_pods()
                config = None
            problem, seen_as = _put_back_once(cleared, ports, tell), None
        except TakenOverError:
            raise
        except FlowdrillError as error:
            problem = seen_as = error.problem
        if seen_as is not None and seen_as != told:
            tell.note(f"restoring, trying again: {seen_as}")
            told = seen_as
        if problem is None or ports.clock.now_ns() >= deadline_ns:
            return problem
        lookout.wait(lambda _: None, _LOOK_AGAIN_SECONDS)


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
        for name in ports.workload.free_stuck_pods(str(cleared.broken.image.reference)):
            tell.note(f"deleted pod {name}: it ran the broken image and its StatefulSet would have waited for it")
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
