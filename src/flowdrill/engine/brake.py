"""The drill itself: break, detect, roll back, settle. Whoever calls this restores afterwards, whatever happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowdrill.analysis.detecting_limit import detecting_limit_seconds
from flowdrill.analysis.detector import SequentialDetector, threshold_for
from flowdrill.analysis.outage import RecoveryWatch, failing_window
from flowdrill.analysis.outcomes import requests_of
from flowdrill.analysis.rollout import is_rolled_out
from flowdrill.analysis.threshold_rules import detector_after
from flowdrill.engine.alert_checks import refuse_loud_alerts
from flowdrill.engine.baseline import Baseline
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.deciding import decide, refuse_put_back, wait_for_people, wait_for_the_word
from flowdrill.engine.detections import OutcomeDetector
from flowdrill.engine.evidence import take_evidence, take_provider_log
from flowdrill.engine.facts import Step
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.preflight import refuse_changed
from flowdrill.engine.release_setting import break_release
from flowdrill.engine.rolling_back import take_the_way_back, tell_taken
from flowdrill.engine.settling import SETTLED, not_back_because, settle
from flowdrill.engine.steering import await_step
from flowdrill.engine.template_check import check_template
from flowdrill.engine.undoing import Progress
from flowdrill.engine.who_acted import who_rolled_back
from flowdrill.model.chaos_plan import Moment
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import End, Phase
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.provider_log import OUTAGE_LOG
from flowdrill.model.scenario import Detector, Symptom
from flowdrill.model.status import Status
from flowdrill.model.undo import DISGUISED_CAUSE


def drill_the_brake(
    order: RunOrder, cleared: Cleared, baseline: Baseline, progress: Progress, ports: Ports, lookout: Lookout,
    tell: Narrator,
) -> tuple[End, str]:  # fmt: skip
    """Put in the way what the drill names, break, detect, roll back and settle; return how it ended and why. Errors
    come through: the caller restores."""
    in_the_way, activities = progress.in_the_way, progress.activities
    tell.phase(Phase.BREAK)
    in_the_way.put_before_break()
    if order.drill.obstacles:  # that may have taken a while
        lookout.catch_up()
        if lookout.alerts_heard or lookout.sources_away:
            refuse_loud_alerts(order.drill.detect, lookout, tell)
        refuse_changed(order, cleared, ports)
    broken = str(cleared.broken.image.reference)
    detectors = _detectors(order, baseline, lookout.outcomes, ports.clock.now_ns())
    lookout.watch_for_failure(detectors, broken, cleared.owns)
    if ports.audit is not None:
        ports.audit.begin()
    broken_at = break_release(broken, _change_cause(order), cleared, ports, tell)
    lookout.broken_ns = broken_at.earliest_ns
    lookout.tell_later((broken_at.latest_ns + seconds_to_ns(one.after), one.text) for one in order.drill.injects)
    activities.come(Moment.BROKEN, broken_at.latest_ns)
    tell.phase(Phase.DETECT)
    in_the_way.put_after_rollout(order, cleared, lookout)
    wait_for_the_word(order, broken, broken_at, lookout, ports)
    if lookout.detections.trigger is not None:
        activities.come(Moment.DETECTED, ports.clock.now_ns())
    hit = failing_window(lookout.outcomes, normal_bad_ratio=baseline.observed_bad_ratio, from_ns=broken_at.earliest_ns)
    noticed = any(order.drill.by_people or one.detector != HUMAN for one in lookout.detections.told)
    if not noticed and lookout.put_back is None and hit is None:
        nothing = _not_broken(order, cleared, broken_at, lookout, tell)
        if not order.scenario.is_candidate:
            return nothing
    triggered = _roll_back(order, cleared, broken_at, ports, lookout, tell)
    if triggered is None:
        return End.COMPLETED, "the rollback was refused"  # at once: users wait for the restore
    activities.come(Moment.TRIGGERED, triggered.latest_ns)
    take_evidence((broken,), ports, tell)
    tell.phase(Phase.SETTLE)
    watch = RecoveryWatch(
        normal_bad_ratio=baseline.observed_bad_ratio,
        from_ns=broken_at.earliest_ns,
        hold_ns=seconds_to_ns(order.drill.hold),
        spared=hit is None,
    )
    ended = settle(order, cleared, watch, triggered, ports, lookout, tell)
    if ended == SETTLED:
        activities.await_the_last()
    check_template(order, cleared, ports, tell)
    if not_back_because(lookout.workload, cleared) is not None:  # why does the stable image not run?
        take_evidence((cleared.stable.rollback_image,), ports, tell, prefix="not-rolled-back-")
    take_provider_log(OUTAGE_LOG, broken_at.earliest_ns, ports, tell)  # the restore may end the pods that wrote it
    return ended


def _detectors(
    order: RunOrder, baseline: Baseline, steady: Sequence[Outcome], now_ns: int
) -> Mapping[str, OutcomeDetector]:
    """The detectors that look at outcomes, by name. The drill's rules know the `steady` outcomes before the break."""
    sequential = SequentialDetector(
        normal_bad_ratio=baseline.normal_bad_ratio,
        threshold=threshold_for(detecting_limit_seconds(order.drill, order.scenario) + order.drill.rollback.limit),
        start_ns=now_ns,
    )
    window_seconds = order.drill.baseline.window
    rules = {
        name: detector_after(rule, steady, now_ns, window_seconds) for name, rule in order.drill.detect.rules.items()
    }
    return {Detector.SEQUENTIAL: sequential, **rules}


def _roll_back(
    order: RunOrder, cleared: Cleared, broken_at: Instant, ports: Ports, lookout: Lookout, tell: Narrator
) -> Instant | None:
    """Wait for people where they decide; roll back where they do not, or have not. Return when, None when refused."""
    if order.drill.by_people:
        tell.phase(Phase.ROLL_BACK)
        acted = wait_for_people(order, broken_at, lookout, ports, tell)
        if acted is not None:
            image = cleared.stable.rollback_image if lookout.put_back_seen is None else lookout.put_back_seen.image
            by = who_rolled_back(cleared, ports, lookout, ours=_change_cause(order))
            tell_taken(acted, image, by.who, by.how, tell)
            return acted
    else:
        decide(order, str(cleared.broken.image.reference), lookout, ports, tell)
        await_step(Step.ROLL_BACK, ports, lookout, tell)
        tell.phase(Phase.ROLL_BACK)
    lookout.catch_up()
    refuse_put_back(order, lookout)
    return take_the_way_back(order, cleared, ports, lookout, tell)


def _change_cause(order: RunOrder) -> str:
    """What the workload's change-cause says of the broken release; on a game day, nothing that gives it away."""
    return DISGUISED_CAUSE if order.drill.by_people else f"flowdrill {order.run_id}: break"


def _not_broken(
    order: RunOrder, cleared: Cleared, broken_at: Instant, lookout: Lookout, tell: Narrator
) -> tuple[End, str]:
    """What there was instead of the symptom. For a control, whose release is harmless, that is what it is about."""
    limit, broken = f"within {order.drill.detect_limit_seconds:g} s", str(cleared.broken.image.reference)
    seen, answers = (
        lookout.workload,
        requests_of(one for one in lookout.outcomes if one.known_ns >= broken_at.latest_ns),
    )
    rolled_out = is_rolled_out(seen, broken)
    instead = f"{answers} answers as before; {seen.described() if seen is not None else 'the workload was not seen'}"
    if order.scenario.symptom is Symptom.NOTHING:
        release = "harmless release"
        if order.scenario.is_candidate:
            release, limit = "candidate", f"within {order.drill.rollback.limit:g} s"
        tell.check(
            "release_rolled_out",
            Status.PASS if rolled_out else Status.UNKNOWN,
            required=f"the {release} is on every replica {limit}",
            observed=seen.described() if seen is not None else "not seen",
        )
        return End.NOT_BROKEN, f"nothing broke {limit}: no user was hit and no detector fired ({instead})"
    where = "on every replica" if rolled_out else "not yet on every replica"
    return (
        End.NOT_BROKEN,
        f"no user was hit {limit}: the fault did not bite. Seen instead: the broken release {where}; {instead}",
    )
