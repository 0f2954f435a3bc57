"""After the rollback: waits until users are served again and every replica runs the stable image."""

from __future__ import annotations

from flowdrill.analysis.outage import RecoveryWatch
from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.model.events import End, RecoveryHeld, RolledBack
from flowdrill.model.instant import Instant
from flowdrill.model.workload import WorkloadSnapshot

SETTLED = (End.COMPLETED, "recovery held")


def settle(
    order: RunOrder,
    cleared: Cleared,
    watch: RecoveryWatch,
    triggered: Instant,
    ports: Ports,
    lookout: Lookout,
    tell: Narrator,
) -> tuple[End, str]:
    """Wait until users were served for the whole hold window and every replica runs the stable digest; return how it
    ended and why."""
    limit_seconds = order.drill.rollback.limit + order.drill.hold
    rolled_back = held = False

    def settled(now_ns: int) -> bool | None:
        nonlocal rolled_back, held
        # what was seen before the request was sent says nothing about it
        if not rolled_back and lookout.workload_seen.latest_ns >= triggered.earliest_ns:
            rolled_back = not_back_because(lookout.workload, cleared) is None
            if rolled_back:
                tell.emit(RolledBack(at_ns=now_ns, instant=lookout.workload_seen))
        held = watch.look(lookout.outcomes, now_ns).held
        return True if rolled_back and held else None

    if lookout.wait(settled, limit_seconds):
        tell.emit(RecoveryHeld(at_ns=ports.clock.now_ns()))
        return SETTLED
    missing = [
        text
        for done, text in (
            (held, f"users were not served for {order.drill.hold:g} s on end"),
            (rolled_back, f"the rollout did not complete ({not_back_because(lookout.workload, cleared)})"),
        )
        if not done
    ]
    if held:
        tell.emit(RecoveryHeld(at_ns=ports.clock.now_ns()))
    return End.COMPLETED, f"within {limit_seconds:g} s: {'; '.join(missing)}"


def not_back_because(seen: WorkloadSnapshot | None, cleared: Cleared) -> str | None:
    """Return what keeps the rollback from being complete, or None."""
    if seen is None:
        return "the workload was not seen"
    if not cleared.stable.is_stable(seen.image):
        return f"the workload's image is {seen.image}"
    return not_on_digest_because(seen, cleared.stable.digests)
