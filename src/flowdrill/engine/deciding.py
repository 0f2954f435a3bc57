"""Who decides that it is time to roll back: the detectors that the drill names, people, or a limit."""

from __future__ import annotations

from flowdrill.analysis.rollout import is_rolled_out
from flowdrill.engine.lookout import Lookout, somebody_else
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.errors import TakenOverError
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import Decided
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.quantity import format_seconds
from flowdrill.model.status import Status


def wait_for_the_word(order: RunOrder, broken: str, broken_at: Instant, lookout: Lookout, ports: Ports) -> None:
    """Wait until a detector's word is enough, somebody has rolled back, or the limit has passed. A candidate serves for
    the limit from when every replica has its image, `broken`."""
    limit_seconds = order.drill.detect_limit_seconds - ns_to_seconds(ports.clock.now_ns() - broken_at.latest_ns)

    def noticed(_: int) -> bool | None:
        return True if lookout.detections.trigger is not None or lookout.put_back is not None else None

    def serves_or_noticed(now_ns: int) -> bool | None:
        return True if is_rolled_out(lookout.workload, broken) else noticed(now_ns)

    if order.scenario.is_candidate and not order.drill.by_people:
        lookout.wait(serves_or_noticed, order.drill.rollback.limit)
    if not order.scenario.is_candidate or is_rolled_out(lookout.workload, broken):
        lookout.wait(noticed, limit_seconds if order.drill.by_people else order.drill.detect.limit)
    refuse_put_back(order, lookout)


def refuse_put_back(order: RunOrder, lookout: Lookout) -> None:
    """TakenOverError when somebody has rolled back before the drill did, and nobody was asked to: what would be
    measured then is not the drill's way back."""
    seen = lookout.put_back_seen
    if order.drill.by_people or seen is None:
        return
    raise TakenOverError(
        f"{somebody_else(seen)} has put {seen.kind}/{seen.name} back before the drill did: "
        "there was nothing left for the drill's own rollback to do",
        "drill when nobody is at work; `rollback.by: human` measures people",
    )


def decide(order: RunOrder, broken: str, lookout: Lookout, ports: Ports, tell: Narrator) -> None:
    """Record who has decided that the drill rolls back; from now on nobody's word triggers anything."""
    by = "the limit: nothing had detected the failure"
    if order.scenario.is_candidate:
        limit = format_seconds(order.drill.rollback.limit)
        by = f"the limit: the candidate was not on every replica within {limit}"
        if is_rolled_out(lookout.workload, broken):
            served = format_seconds(order.drill.detect.limit)
            by = f"the plan: a candidate is rolled back once it has served for {served}, whatever it does"
    if lookout.detections.trigger is not None:
        by = f"policy: {lookout.detections.trigger.detector} detected"
    elif lookout.detections.told:
        names = ", ".join(one.detector for one in lookout.detections.told)
        by = f"the limit: not all had detected the failure, but {names}"
    now = ports.clock.now_ns()
    lookout.detections.decided = True
    tell.emit(Decided(at_ns=now, instant=Instant(now, now), by=by))


def wait_for_people(
    order: RunOrder, broken_at: Instant, lookout: Lookout, ports: Ports, tell: Narrator
) -> Instant | None:
    """Wait until somebody has rolled back, and return when; None when nobody has within the limit: then the drill takes
    over. Somebody who acts has noticed."""
    limit_seconds = order.drill.rollback.human_limit_seconds
    left = limit_seconds - ns_to_seconds(ports.clock.now_ns() - broken_at.latest_ns)
    acted = lookout.wait(lambda _: _put_back_by_people(order, lookout), max(left, 0.0))
    required = f"somebody rolls back within {format_seconds(limit_seconds)} of the break"
    if acted is None:
        tell.check("people_rolled_back", Status.FAIL, required=required, observed="nobody did: the drill took over")
        now = ports.clock.now_ns()
        lookout.detections.decided = True
        by = "the limit: nobody had rolled back, so the drill does"
        tell.emit(Decided(at_ns=now, instant=Instant(now, now), by=by))
        return None
    lookout.detections.tell(HUMAN, acted, says="rolled back")
    lookout.detections.decided = True
    tell.emit(Decided(at_ns=acted.latest_ns, instant=acted, by="people: they rolled back"))
    tell.check("people_rolled_back", Status.PASS, required=required, observed="somebody did")
    return acted


def _put_back_by_people(order: RunOrder, lookout: Lookout) -> Instant | None:
    return lookout.put_back if order.drill.by_people else None
