"""Puts everything back, whatever ended the drill, and says what it could not put back."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.image_setting import set_image
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.preflight import Cleared
from flowdrill.errors import FlowdrillError, NotRestoredError
from flowdrill.model.events import Purpose, Status

_LOOK_AGAIN_SECONDS = 0.5  # read from the API itself: nothing is measured any more, and a watch may be lost


def restore(
    order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator
) -> NotRestoredError | None:
    """Bring the workload back to its template from before the drill; return None, or the error that says what is
    wrong and how to put it back by hand. Recorded as a check."""
    name, required = "ends_on_stable_digest", f"{order.drill.target.workload} ends on {cleared.stable.pinned.digest}"
    problem = _put_back(order, cleared, ports, lookout, tell)
    if problem is None:
        observed = "every pod runs it, and the template is the one from before"
        tell.check(name, Status.PASS, required=required, observed=observed)
        return None
    by_hand = undo_by_hand(order, cleared.stable.written)
    tell.check(name, Status.FAIL, required=required, observed=problem, detail=by_hand)
    return NotRestoredError(f"{order.drill.target.workload} is NOT restored: {problem}", f"put it back: {by_hand}")


def undo_by_hand(order: RunOrder, image: str) -> str:
    """Return the command that puts the image back without flowdrill."""
    target = order.drill.target
    return f"kubectl -n {target.namespace} set image {target.workload} {order.container}={image}"


def _put_back(order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator) -> str | None:
    """Return what keeps the workload from its stable state, or None."""
    stable = cleared.stable
    limit_seconds = order.drill.rollback.limit
    problem: str | None = None
    try:
        seen = ports.workload.snapshot()
        if seen.image != stable.written or seen.change_cause != stable.change_cause:
            set_image(Purpose.RESTORE, stable.written, stable.change_cause, ports, tell, as_user=None)
        deadline_ns = ports.clock.now_ns() + int(limit_seconds * 1e9)
        while True:
            seen = ports.workload.snapshot()
            problem = not_on_digest_because(seen, stable.digests)
            if problem is None or ports.clock.now_ns() >= deadline_ns:
                break
            for name in ports.workload.free_stuck_pods(str(cleared.broken.image.reference)):
                tell.note(f"deleted pod {name}: it ran the broken image and its StatefulSet would have waited for it")
            lookout.wait(lambda _: None, _LOOK_AGAIN_SECONDS)
        if problem is None and (seen.image != stable.written or seen.wanted_replicas != cleared.before.wanted_replicas):
            problem = f"somebody else changed the workload: image {seen.image}, {seen.wanted_replicas} replicas"
    except FlowdrillError as error:
        problem = error.problem
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
