"""Takes the way back, by the drill's strategy, and records when it was taken and how."""

from __future__ import annotations

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports, RollbackAttempt
from flowdrill.errors import ClusterAwayError, ClusterError
from flowdrill.model.events import ImageSet, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status

_LAST_LOOK_SECONDS = 2.0  # for the watch to tell what was done in the last moment
BY_COMMAND = "whoever the command acts as"


def take_the_way_back(
    order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout, tell: Narrator
) -> Instant | None:
    """Roll back as the drill's responder would; return [request sent, answer accepted], or where only the watch can
    tell, between its messages; None when it was not taken. A refusal is the drill's finding, not an error of the
    harness: what was changed all the same is measured."""
    way = order.drill.rollback.way
    who = BY_COMMAND if way is Strategy.COMMAND else ports.workload.responder
    begun_ns = ports.clock.now_ns()
    try:
        taken = _carried_out(ports.rollback.begin(_request(order, cleared)), order, begun_ns, ports, lookout, tell)
    except ClusterAwayError:
        raise  # nobody has refused anything
    except ClusterError as error:  # whoever says no: permissions, a webhook, a quota
        taken = RollbackTaken("", begun_ns, refused=error.problem, remedy=error.remedy)
    instant = taken.instant or _seen_in_time(taken, order, cleared, ports, lookout)
    if instant is not None:
        image = cleared.stable.written if way is Strategy.UNDO else cleared.stable.rollback_image
        tell_taken(instant, image, who, taken.how, tell, strategy=way)
    tell.check(
        "rollback_accepted",
        Status.PASS if taken.refused is None and instant is not None else Status.FAIL,
        required=f"the rollback by {who or 'the harness'} is accepted",
        observed=taken.refused or ("accepted" if instant is not None else "the workload was not changed by it"),
        detail=taken.remedy,
    )
    return instant


def tell_taken(
    instant: Instant, image: str, who: str | None, how: str, tell: Narrator, *, strategy: str = "human"
) -> None:
    """Record that the workload was set to the stable image, by whomever."""
    tell.emit(
        ImageSet(
            at_ns=instant.latest_ns,
            purpose=Purpose.ROLL_BACK,
            image=image,
            instant=instant,
            identity=who,
            how=how,
            strategy=strategy,
        )
    )  # fmt: skip


def _carried_out(
    attempt: RollbackAttempt, order: RunOrder, begun_ns: int, ports: Ports, lookout: Lookout, tell: Narrator
) -> RollbackTaken:
    """Wait until the attempt is over, for as long as a rollback may take; whatever ends the wait, nothing of the
    attempt goes on, and what it leaves to see is kept."""
    limit = order.drill.rollback.limit
    try:
        taken = lookout.wait(lambda _: attempt.taken(), limit)
    finally:
        attempt.stop()
        over = attempt.taken()
        for name, what, text in over.files if over is not None else ():
            tell.evidence(ports.evidence.save(name, text), what)
    return taken or over or RollbackTaken("", begun_ns, refused=f"it did not end within {limit:g} s")


def _request(order: RunOrder, cleared: Cleared) -> RollbackRequest:
    return RollbackRequest(
        run_id=order.run_id,
        image=cleared.stable.rollback_image,
        digest=str(cleared.stable.pinned.digest),
        fields=cleared.release.stable_fields,
        change_cause=cleared.stable.change_cause,
        revision=cleared.revision,
        template=cleared.template,
    )


def _seen_in_time(
    taken: RollbackTaken, order: RunOrder, cleared: Cleared, ports: Ports, lookout: Lookout
) -> Instant | None:
    """When the watch showed that the workload was changed: what was asked for may happen elsewhere, and later. After a
    refusal only what has happened already counts."""
    if taken.refused is not None and not taken.may_have_changed:
        return _seen_since(taken.begun_ns, lookout)
    if taken.refused is not None and ports.workload.snapshot().image == str(cleared.broken.image.reference):
        return None
    left = order.drill.rollback.limit - ns_to_seconds(ports.clock.now_ns() - taken.begun_ns)
    return lookout.wait(lambda _: _seen_since(taken.begun_ns, lookout), max(left, _LAST_LOOK_SECONDS))


def _seen_since(begun_ns: int, lookout: Lookout) -> Instant | None:
    """When the watch showed that the workload was changed; not before the attempt began."""
    seen = lookout.put_back
    if seen is None or seen.latest_ns < begun_ns:
        return None
    return Instant(max(seen.earliest_ns, begun_ns), seen.latest_ns)
