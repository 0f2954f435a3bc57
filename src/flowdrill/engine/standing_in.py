"""What somebody else than the harness does in its place: the guard, or `flowdrill restore`."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.engine.as_before_check import check_as_before
from flowdrill.engine.cleaning_up import clean_up, patience_for, removal, tell_left
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.obstacles import InTheWay
from flowdrill.engine.ports import RestorePorts
from flowdrill.engine.restore import Pause, Restored, restore
from flowdrill.errors import GuardActsError, NotRestoredError, TakenOverError
from flowdrill.model.standing import Standing
from flowdrill.model.undo import Undo, memory_of

_HELD = (GuardActsError,)  # somebody else holds the Lease now: nothing more is to be done here


@dataclass(frozen=True, slots=True)
class PutBack:
    """What came of it. `error`: not everything is as it was. `theirs`: somebody else has deployed meanwhile, and theirs
    was left as it is. `left`: what of the drill's own is left behind."""

    error: NotRestoredError | None = None
    theirs: TakenOverError | None = None
    left: tuple[str, ...] = ()


def put_everything_back(
    undo: Undo,
    ports: RestorePorts,
    pause: Pause,
    tell: Narrator,
    *,
    keep_theirs: bool = False,
    before: Standing | None = None,
) -> PutBack:
    """Put everything back, verify it, and delete what the drill made. How far the drill had come is not known: what was
    never done is looked for, and found as it was. `keep_theirs`: the workload itself stays as somebody else has
    deployed it. `before`: how everything stood, where that is known. Whoever calls this holds the Lease, and gives it
    back."""
    ports.workload.outdate(undo.run_id)  # the dead harness may have sent its break, and it may still be on its way
    for one in ports.obstacles:
        one.recall(memory_of(undo, one.name))
    in_the_way = InTheWay(ports, tell, all_put=True)
    if keep_theirs:
        still = in_the_way.take_away()
        in_the_way.tell_removed()
        restored = Restored(None if still is None else NotRestoredError(still, "try again"))
    else:
        restored = restore(undo, undo.limit_seconds, in_the_way, ports, pause, tell)
    if restored.error is not None:
        return PutBack(restored.error, restored.theirs)
    steps = removal(undo, ports, pause, started=undo.started is not None, forget=True, delete=True)
    left = clean_up(steps, _HELD, patience_for(undo.limit_seconds, ports.clock, pause))
    check_as_before(undo, before, ports, pause, tell)
    tell_left(left, tell)
    return PutBack(None, restored.theirs, left)
