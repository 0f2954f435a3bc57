"""What an experiment asks about its drill. A probe changes nothing and measures nothing of its own: times are those of
the drill's report, by what is known when it is asked."""

import logging
import time

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration

from flowdrill.chaos.configured import session_of
from flowdrill.chaos.looking import elsewhere_because, may_not_because, not_retained_because, unhealthy_because
from flowdrill.chaos.session import Session
from flowdrill.edges.terminal.lines import visible
from flowdrill.engine.facts import Step
from flowdrill.model.events import Detected, ImageSet, Purpose, RecoveryHeld, StableImageSeen
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.measured import Measure

__all__ = [
    "broken_image_is_detected",
    "identity_may_roll_back",
    "image_is_retained",
    "service_has_recovered",
    "service_is_healthy",
    "stable_image_runs_everywhere",
    "time_to_detect",
    "time_to_recover",
]

_log = logging.getLogger("chaostoolkit")


def service_is_healthy(configuration: Configuration = None) -> bool:
    """Tell whether the workload's rollout is complete, and one of three requests is answered as its users expect.
    Before the drill has started the model provider that it brings along, the rollout alone counts."""
    session = session_of(configuration)
    return _is_none("service_is_healthy", unhealthy_because(session.plan.drill, session.here))


def image_is_retained(configuration: Configuration = None) -> bool:
    """Tell whether the registry has the whole stable image, to the tier of the drill's policy."""
    session = session_of(configuration)
    stable = _stable(session)
    return _is_none("image_is_retained", not_retained_because(session.plan.drill, session.here, stable))


def identity_may_roll_back(configuration: Configuration = None) -> bool:
    """Tell whether whoever would roll back, as the drill names them, has every permission that its way back needs. What
    is not known is not enough."""
    session = session_of(configuration)
    return _is_none("identity_may_roll_back", may_not_because(session.plan.drill, session.here))


def broken_image_is_detected(configuration: Configuration = None) -> bool:
    """Wait until the detectors that the drill's trigger names have noticed the broken image, or their limit has passed;
    tell whether they have. False at once while nothing is broken."""
    session = session_of(configuration)
    if session.was_asked(Step.BREAK):
        session.until(lambda: _trigger(session) or session.waits_for(Step.ROLL_BACK) or _is_settled(session) or None)
    return _trigger(session) is not None


def service_has_recovered(configuration: Configuration = None) -> bool:
    """Wait until users were served for the drill's whole hold window after the rollback and every replica runs the
    stable image, or the rollback's limit has passed; tell whether users were. False at once while no rollback was asked
    for."""
    session = session_of(configuration)
    if session.was_asked(Step.ROLL_BACK):
        session.until(lambda: _is_settled(session) or None)
    return session.first(RecoveryHeld) is not None


def stable_image_runs_everywhere(configuration: Configuration = None) -> bool:
    """Tell whether every replica runs the stable image's digest now, is ready, and no other pod is left."""
    session = session_of(configuration)
    return _is_none("stable_image_runs_everywhere", elsewhere_because(session.here, _stable(session)))


def time_to_detect(configuration: Configuration = None) -> float:
    """Return the seconds from the first user's bad answer to the detection, the latest they can be; how long it takes
    so far while nothing was detected, and 0 while nothing is broken. Fails when it was never detected."""
    session = session_of(configuration)
    broken = session.first(ImageSet, lambda one: one.purpose is Purpose.BREAK)
    if broken is None:
        return 0.0
    measured = _measured(session, "time_to_detect")
    if measured is not None:
        return measured.latest
    if session.over or session.waits_for(Step.ROLL_BACK) or _is_settled(session):
        raise ActivityFailed("the broken image was never detected by those that the drill's trigger names")
    return ns_to_seconds(time.monotonic_ns() - broken.instant.earliest_ns)


def time_to_recover(configuration: Configuration = None) -> float:
    """Return the seconds from the rollback's request to the first of the good answers that then hold, the latest they
    can be; how long it takes so far while users wait, and 0 while no rollback was asked for, or no user was ever hit.
    Fails when they were never served again."""
    session = session_of(configuration)
    taken = session.first(ImageSet, lambda one: one.purpose is Purpose.ROLL_BACK)
    settled = session.over or _is_settled(session)
    if taken is None and not (settled and session.was_asked(Step.BREAK)):
        return 0.0
    measured = _measured(session, "time_to_recover")
    if measured is not None:
        return measured.latest
    if not settled and taken is not None:
        return ns_to_seconds(time.monotonic_ns() - taken.instant.earliest_ns)
    result = session.result()
    if result is not None and result.instants.impact is None and result.instants.triggered is not None:
        return 0.0
    raise ActivityFailed("users were not served again by the rollback")


def _is_none(probe: str, problem: str | None) -> bool:
    if problem is not None:
        _log.warning("flowdrill: %s: %s", probe, visible(problem))
    return problem is None


def _stable(session: Session) -> StableImageSeen:
    """The stable image, which preflight finds out."""
    seen = session.until(lambda: session.first(StableImageSeen))
    if seen is None:
        raise ActivityFailed(visible(session.failed or "the stable image was not found out"))
    return seen


def _trigger(session: Session) -> Detected | None:
    return session.first(Detected, lambda one: one.triggers)


def _is_settled(session: Session) -> bool:
    return session.waits_for(Step.RESTORE)


def _measured(session: Session, name: str) -> Measure | None:
    result = session.result()
    return None if result is None else getattr(result.measures, name)
