"""The drill itself: break, detect, roll back, settle. Whoever calls this restores afterwards, whatever happens."""

from __future__ import annotations

from flowdrill.analysis.detector import Alarm, SequentialDetector, threshold_for
from flowdrill.analysis.outage import RecoveryWatch, failing_window
from flowdrill.analysis.rollout import not_on_digest_because
from flowdrill.engine.baseline import Baseline
from flowdrill.engine.evidence import take_evidence
from flowdrill.engine.image_setting import set_image
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.preflight import Cleared
from flowdrill.errors import ForbiddenError
from flowdrill.model.events import Decided, Detected, End, Phase, Purpose, RecoveryHeld, RolledBack, Status
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.workload import WorkloadSnapshot

DETECTOR = "sequential"


def drill_the_brake(
    order: RunOrder, cleared: Cleared, baseline: Baseline, ports: Ports, lookout: Lookout, tell: Narrator
) -> tuple[End, str]:
    """Break, detect, roll back and settle; return how it ended and why. Errors come through: the caller restores."""
    tell.phase(Phase.BREAK)
    lookout.watch_for_failure(
        SequentialDetector(
            normal_bad_ratio=baseline.normal_bad_ratio,
            threshold=threshold_for(order.drill.detect.limit + order.drill.rollback.limit),
            start_ns=ports.clock.now_ns(),
        ),
        cleared.own_images,
    )
    broken = str(cleared.broken.image.reference)
    broken_at = set_image(Purpose.BREAK, broken, _cause(order, "break"), ports, tell, as_user=None)
    tell.phase(Phase.DETECT)
    alarm = lookout.wait(lambda _: lookout.alarm, order.drill.detect.limit)
    if alarm is None:
        hit = failing_window(
            lookout.outcomes, normal_bad_ratio=baseline.observed_bad_ratio, from_ns=broken_at.earliest_ns
        )
        if hit is None:
            return End.NOT_BROKEN, f"no user was hit within {order.drill.detect.limit:g} s: the fault did not bite"
        _decide("the limit: nothing had detected the failure", ports, tell)
    else:
        _tell_detected(alarm, ports, tell)
        _decide(f"policy: {DETECTOR} detected", ports, tell)
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
    )
    return _settle(order, cleared, watch, triggered, ports, lookout, tell)


def _cause(order: RunOrder, what: str) -> str:
    return f"flowdrill {order.run_id}: {what}"


def _tell_detected(alarm: Alarm, ports: Ports, tell: Narrator) -> None:
    now = ports.clock.now_ns()
    tell.emit(
        Detected(
            at_ns=now,
            detector=DETECTOR,
            instant=Instant(alarm.slot_end_ns, now),
            newest_outcome_ns=alarm.newest_outcome_ns,
            statistic=alarm.statistic,
            threshold=alarm.threshold,
            triggers=True,
        )
    )


def _decide(by: str, ports: Ports, tell: Narrator) -> None:
    now = ports.clock.now_ns()
    tell.emit(Decided(at_ns=now, instant=Instant(now, now), by=by))


def _roll_back(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator) -> Instant | None:
    """The rollback as its identity would do it. A refusal is the drill's finding, not an error of the harness."""
    user = order.drill.rollback.as_user
    required = f"the API server accepts the rollback from {user or 'the harness'}"
    try:
        instant = set_image(
            Purpose.ROLL_BACK, cleared.stable.rollback_image, _cause(order, "roll back"), ports, tell, as_user=user
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
