"""What an experiment does with its drill. Each action lets the drill's engine take a step, and returns once it has."""

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration

from flowdrill.chaos.configured import GUARDED, session_of
from flowdrill.chaos.session import Session
from flowdrill.edges.terminal.lines import visible
from flowdrill.engine.evidence import take_evidence as take_the_evidence
from flowdrill.engine.facts import Step
from flowdrill.engine.narrator import Narrator
from flowdrill.model.events import (
    BaselineHeld,
    BrokenImageMade,
    Check,
    Checked,
    Event,
    EvidenceTaken,
    ImageSet,
    Purpose,
    StableImageSeen,
)
from flowdrill.model.status import Status

__all__ = [
    "deploy_broken_image",
    "restore_stable_image",
    "roll_back",
    "start_load",
    "stop_load",
    "take_evidence",
]

_DRY = "a dry run: nothing was done"


def start_load(configuration: Configuration = None) -> str:
    """Write down how everything is put back, lock the workload, send the drill's load, and return once the steady
    state has held for the drill's baseline window. Fails when preflight refuses the drill, or the service is not
    steady."""
    session = session_of(configuration)
    if session.dry:
        return _DRY
    session.ask(Step.START)
    session.until(lambda: session.waits_for(Step.BREAK) or None)
    held = session.first(BaselineHeld)
    if held is None or not session.waits_for(Step.BREAK):
        raise _over(session)
    return f"the steady state held: {held.bad} of {held.finished} requests bad"


def deploy_broken_image(configuration: Configuration = None) -> str:
    """Roll out the scenario's broken image in the stable one's place, and return once the API server has accepted that.
    Fails when the control `guard` does not watch over the experiment, or `start_load` did not come before."""
    session = session_of(configuration)
    if session.dry:
        return _DRY
    if not (configuration or {}).get(GUARDED):
        raise ActivityFailed("nothing is broken without the control flowdrill.chaos.controls.guard: list it, too")
    if not session.was_asked(Step.START):
        raise ActivityFailed("the action start_load comes before deploy_broken_image: a drill needs users")
    session.ask(Step.BREAK)
    session.until(lambda: _set(session, Purpose.BREAK))
    if _set(session, Purpose.BREAK) is None:
        raise _over(session)
    made = session.first(BrokenImageMade)
    return f"{'the broken image' if made is None else visible(made.reference)} is being rolled out"


def roll_back(configuration: Configuration = None) -> str:
    """Take the way back by the drill's strategy and identity, and return once it was taken. It is not taken before the
    drill's detectors, or their limit, have decided so. Fails when it is refused."""
    session = session_of(configuration)
    if session.dry:
        return _DRY
    _require_broken(session)
    session.ask(Step.ROLL_BACK)
    session.until(lambda: _set(session, Purpose.ROLL_BACK) or session.waits_for(Step.RESTORE) or None)
    taken, refused = _set(session, Purpose.ROLL_BACK), _check(session, "rollback_accepted")
    if taken is not None:
        return f"rolled back to {visible(taken.image)} by {visible(taken.identity or 'the harness itself')}"
    if refused is not None:
        raise ActivityFailed(f"the rollback was not taken: {visible(refused.observed)}")
    raise _over(session)


def take_evidence(configuration: Configuration = None) -> list:  # type: ignore[type-arg]  # as chaoslib names types
    """Save the manifests, events and logs of this moment in the run folder, and return their paths in it. What cannot
    be had is noted in the run."""
    session = session_of(configuration)
    if session.dry:
        return []
    write, taken = session.write, list[str]()

    def emit(event: Event) -> None:
        write(event)
        if isinstance(event, EvidenceTaken):
            taken.append(event.path)

    stable, made = session.first(StableImageSeen), session.first(BrokenImageMade)
    ours = () if stable is None else (stable.reference, stable.pinned)
    images = ours if made is None else (*ours, made.reference)
    take_the_evidence(images, session.ports, Narrator(session.ports.clock, emit), prefix="asked-")
    return taken


def restore_stable_image(configuration: Configuration = None) -> str:
    """Put everything back as it was before the drill: the image, what came with the release, what was put in the way.
    Where a rollback was asked for, what comes of it is seen first. Fails when something could not be put back."""
    session = session_of(configuration)
    if session.dry:
        return _DRY
    session.let_restore()
    session.until(lambda: _check(session, "ends_on_stable_digest"))
    restored = _check(session, "ends_on_stable_digest")
    if restored is None:
        return "nothing was broken"
    if restored.status is not Status.PASS:
        raise ActivityFailed(f"{visible(restored.required)}: {visible(restored.observed)}; {visible(restored.detail)}")
    return visible(restored.observed)


def stop_load(configuration: Configuration = None) -> str:
    """End the drill: put back what is not yet as it was, stop the load, and remove everything that the drill has made.
    Fails when something is left behind."""
    session = session_of(configuration)
    if session.dry:
        return _DRY
    session.let_restore()
    session.until(lambda: None)
    left = _check(session, "nothing_left_behind")
    if left is not None and left.status is not Status.PASS:
        raise ActivityFailed(f"left behind: {visible(left.observed)}")
    return "nothing was begun" if left is None else visible(left.observed)


def _require_broken(session: Session) -> None:
    if not session.was_asked(Step.BREAK):
        raise ActivityFailed("nothing is broken: the action deploy_broken_image comes first")


def _set(session: Session, purpose: Purpose) -> ImageSet | None:
    return session.first(ImageSet, lambda one: one.purpose is purpose)


def _check(session: Session, name: str) -> Check | None:
    found = session.first(Checked, lambda one: one.check.name == name)
    return None if found is None else found.check


def _over(session: Session) -> ActivityFailed:
    return ActivityFailed(visible(session.failed or "the drill was asked to end before"))
