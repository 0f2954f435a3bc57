"""A drill that somebody else carries from step to step: it waits at each one until it is told to take it, and goes on
watching meanwhile. What is measured, judged and put back is the same as where it goes on by itself."""

from __future__ import annotations

from flowdrill.engine.facts import Step
from flowdrill.engine.lookout import EndAskedError, Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.model.quantity import format_seconds

_HARMLESS = (Step.START, Step.BREAK)  # whoever forgets them has broken nothing
PATIENCE_SECONDS = 600.0  # what people have on a game day, too


def await_step(step: Step, ports: Ports, lookout: Lookout, tell: Narrator) -> None:
    """Return once the step was asked for; at once where nobody steers. Who does not ask in time: nothing is broken for
    them (EndAskedError), and the way back is taken without them. Raises what `Lookout.wait` raises."""
    if ports.steering is None:
        return
    ports.steering.arrived(step)
    if lookout.wait(lambda _: True if step in lookout.asked else None, PATIENCE_SECONDS):
        return
    told = f"nobody has asked for the step {step.value!r} within {format_seconds(PATIENCE_SECONDS)}"
    if step in _HARMLESS:
        raise EndAskedError(told)
    tell.note(f"{told}: the drill takes it by itself")


def await_restore(ports: Ports, lookout: Lookout, tell: Narrator) -> None:
    """The same before everything is put back. The drill is over by then: to be asked to end is to be asked for that."""
    try:
        await_step(Step.RESTORE, ports, lookout, tell)
    except EndAskedError:
        return
