"""The drill itself: break, detect, roll back, settle. Whoever calls this restores afterwards, whatever happens."""

from __future__ import annotations

from flowdrill.analysis.detector import SequentialDetector, threshold_for
from flowdrill.analysis.outage import RecoveryWatch, failing_window
from flowdrill.analysis.rollout import not_on_digest_because, unsettled_because
from flowdrill.engine.baseline import Baseline
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.evidence import take_evidence, take_provider_log
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.release_setting import break_release, roll_back_release
from flowdrill.errors import ForbiddenError
from flowdrill.model.events import Decided, End, Phase, RecoveryHeld, RolledBack
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.provider_log import OUTAGE_LOG
from flowdrill.model.scenario import Symptom
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadSnapshot


def drill_the_brake(
    order: RunOrder, cleared: Cleared, baseline: Baseline, ports: Ports, lookout: Lookout, tell: Narrator
) -> tuple[End, str]:
    """Break, detect, roll back and settle; return how it ended and why. Errors come through: the caller restores."""
    tell.phase(Phase.BREAK)
    broken = str(cleared.broken.image.reference)
    detector = SequentialDetector(
        normal_bad_ratio=baseline.normal_bad_ratio,
        threshold=threshold_for(order.drill.detect.limit + order.drill.rollback.limit),
        start_ns=ports.clock.now_ns(),
    )
    lookout.watch_for_failure(detector, broken, cleared.own_images)
    broken_at = break_release(broken, _cause(order, "break"), cleared.release, ports, tell)
    tell.phase(Phase.DETECT)
    lookout.wait(lambda _: lookout.detected or None, order.drill.detect.limit)
    hit = failing_window(lookout.outcomes, normal_bad_ratio=baseline.observed_bad_ratio, from_ns=broken_at.earliest_ns)
    if not lookout.detected and hit is None:
        return _not_broken(order, cleared, broken_at, lookout, tell)
    _decide(lookout, ports, tell)
    tell.phase(Phase.ROLL_BACK)
    lookout.catch_up()
    triggered = _roll_back(order, cleared, ports, tell)
    if triggered is None:
        return End.COMPLETED, "the rollback was refused"  # at once: users wait for the restore
    take_evidence((broken,), ports, tell)
    tell.phase(Phase.SETTLE)
    watch = RecoveryWatch(
        normal_bad_ratio=baseline.observed_bad_ratio,
        from_ns=broken_at.earliest_ns,
        hold_ns=seconds_to_ns(order.drill.hold),
        spared=hit is None,
    )
    ended = _settle(order, cleared, watch, triggered, ports, lookout, tell)
    if _unsettled(lookout.workload, cleared) is not None:  # why does the stable image not run?
        take_evidence((cleared.stable.rollback_image,), ports, tell, prefix="not-rolled-back-")
    take_provider_log(OUTAGE_LOG, broken_at.earliest_ns, ports, tell)  # the restore may end the pods that wrote it
    return ended


def _cause(order: RunOrder, what: str) -> str:
    return f"flowdrill {order.run_id}: {what}"


def _not_broken(
    order: RunOrder, cleared: Cleared, broken_at: Instant, lookout: Lookout, tell: Narrator
) -> tuple[End, str]:
    """What there was instead of the symptom. For a control, whose release is harmless, that is what it is about."""
    limit, broken = f"within {order.drill.detect.limit:g} s", str(cleared.broken.image.reference)
    seen, answers = lookout.workload, sum(one.known_ns >= broken_at.latest_ns for one in lookout.outcomes)
    rolled_out = seen is not None and seen.image == broken and unsettled_because(seen) is None
    instead = f"{answers} answers as before; {seen.described() if seen is not None else 'the workload was not seen'}"
    if order.scenario.symptom is Symptom.NOTHING:
        tell.check(
            "release_rolled_out",
            Status.PASS if rolled_out else Status.UNKNOWN,
            required=f"the harmless release is on every replica {limit}",
            observed=seen.described() if seen is not None else "not seen",
        )
        return End.NOT_BROKEN, f"nothing broke {limit}: no user was hit and no detector fired ({instead})"
    where = "on every replica" if rolled_out else "not yet on every replica"
    return (
        End.NOT_BROKEN,
        f"no user was hit {limit}: the fault did not bite. Seen instead: the broken release {where}; {instead}",
    )


def _decide(lookout: Lookout, ports: Ports, tell: Narrator) -> None:
    by = "the limit: nothing had detected the failure"
    if lookout.detected:
        by = f"policy: {lookout.detected[0].detector} detected"
    now = ports.clock.now_ns()
    lookout.decided = True
    tell.emit(Decided(at_ns=now, instant=Instant(now, now), by=by))


def _roll_back(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator) -> Instant | None:
    """The rollback as its identity would do it. A refusal is the drill's finding, not an error of the harness."""
    required = f"the API server accepts the rollback from {ports.workload.responder or 'the harness'}"
    try:
        instant = roll_back_release(
            cleared.stable.rollback_image, _cause(order, "roll back"), cleared.release, ports, tell
        )
    except ForbiddenError as error:
        tell.check("rollback_accepted", Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        return None
    tell.check("rollback_accepted", Status.PASS, required=required, observed="accepted")
    return instant


def _settle(
    order: RunOrder,
    cleared: Cleared,
    watch: RecoveryWatch,
    triggered: Instant,
    ports: Ports,
    lookout: Lookout,
    tell: Narrator,
) -> tuple[End, str]:
    """Wait until users were served for the whole hold window and every replica runs the stable digest."""
    limit_seconds = order.drill.rollback.limit + order.drill.hold
    rolled_back = held = False

    def settled(now_ns: int) -> bool | None:
        nonlocal rolled_back, held
        # what was seen before the request was sent says nothing about it
        if not rolled_back and lookout.workload_seen.latest_ns >= triggered.earliest_ns:
            rolled_back = _unsettled(lookout.workload, cleared) is None
            if rolled_back:
                tell.emit(RolledBack(at_ns=now_ns, instant=lookout.workload_seen))
        held = watch.look(lookout.outcomes, now_ns).held
        return True if rolled_back and held else None

    if lookout.wait(settled, limit_seconds):
        tell.emit(RecoveryHeld(at_ns=ports.clock.now_ns()))
        return End.COMPLETED, "recovery held"
    missing = [
        text
        for done, text in (
            (held, f"users were not served for {order.drill.hold:g} s on end"),
            (rolled_back, f"the rollout did not complete ({_unsettled(lookout.workload, cleared)})"),
        )
        if not done
    ]
    if held:
        tell.emit(RecoveryHeld(at_ns=ports.clock.now_ns()))
    return End.COMPLETED, f"within {limit_seconds:g} s: {'; '.join(missing)}"


def _unsettled(seen: WorkloadSnapshot | None, cleared: Cleared) -> str | None:
    """Return what keeps the rollback from being complete, or None."""
    if seen is None:
        return "the workload was not seen"
    if seen.image != cleared.stable.rollback_image:
        return f"the workload's image is {seen.image}"
    return not_on_digest_because(seen, cleared.stable.digests)
