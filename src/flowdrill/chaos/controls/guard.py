"""The control that sees to it that production is put back, whatever the experiment does: rollbacks that are not played,
an experiment that is interrupted, an activity that fails. Beside it stands the drill's own guard, a process that acts
when all of Chaos Toolkit is gone."""

import logging
import time
from typing import Any

from chaoslib.exceptions import InterruptExecution
from chaoslib.run import EventHandlerRegistry, RunEventHandler
from chaoslib.types import Activity, Configuration, Experiment, Journal, Run, Secrets

from flowdrill.chaos.configured import GUARDED, known_session
from flowdrill.chaos.session import Session
from flowdrill.edges.terminal.lines import visible
from flowdrill.engine.facts import Step
from flowdrill.engine.narrator import Narrator
from flowdrill.model.instant import Instant

__all__ = [
    "after_activity_control",
    "after_experiment_control",
    "after_method_control",
    "before_activity_control",
    "before_method_control",
    "configure_control",
]

_log = logging.getLogger("chaostoolkit")
_ASKED = "InterruptExecution: "  # what chaoslib makes a failed activity of


class _AtTheEnd(RunEventHandler):
    """Called at the very end, also where chaoslib fails and calls no control any more."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def finish(self, journal: Journal) -> None:
        """Have everything put back that is not."""
        after_experiment_control(None, journal, self._configuration)


def configure_control(configuration: Configuration = None, event_registry: EventHandlerRegistry = None) -> None:
    """Watch over the experiment from now on."""
    configuration[GUARDED] = True
    event_registry.register(_AtTheEnd(configuration))


def before_method_control(context: Experiment, configuration: Configuration = None, **_arguments: Any) -> None:
    """From now on an experiment without its drill has nothing more to do."""
    session = known_session(configuration)
    if session is not None:
        session.in_method = True


def after_method_control(context: Experiment, configuration: Configuration = None, **_arguments: Any) -> None:
    """What comes now is played in any case."""
    session = known_session(configuration)
    if session is not None:
        session.in_method = False


def before_activity_control(context: Activity, configuration: Configuration = None, **_arguments: Any) -> None:
    """InterruptExecution when the drill has ended by itself: nothing more of the method is played."""
    session = known_session(configuration)
    if session is not None and session.in_method and session.failed is not None:
        raise InterruptExecution(session.failed)


def after_activity_control(
    context: Activity,
    state: Run = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **_arguments: Any,
) -> None:
    """InterruptExecution where a signal has asked for it while an activity ran: chaoslib takes that for the activity's
    failure, and goes on; also where what the drill wants before its break is not so."""
    session = known_session(configuration)
    if session is None:
        return
    _take_own(session, context, state or {}, (configuration, secrets or {}))
    told = "".join((state or {}).get("exception") or ())
    if _ASKED not in told:
        return
    session.stopped = session.stopped or told.rpartition(_ASKED)[2].strip()
    raise InterruptExecution(session.stopped)


def after_experiment_control(
    context: Experiment, state: Journal, configuration: Configuration = None, **_arguments: Any
) -> None:
    """Have everything put back, whether or not rollbacks were played. An experiment whose drill was never opened has
    failed: chaoslib takes actions that fail for part of it."""
    session = known_session(configuration)
    if session is not None:
        session.finish(state)
    elif state.get("status") == "completed":
        _log.error("flowdrill: no drill was open: nothing was drilled")
        state["status"] = "failed"


def _take_own(session: Session, activity: Activity, run: Run, given: tuple[Configuration, Secrets]) -> None:
    if session.dry or session.over or not session.in_method:
        return
    now = time.monotonic_ns()
    tell = Narrator(session.ports.clock, session.write)
    why = session.own.take(activity, run, given, Instant(now, now), tell)
    if why is not None and not session.was_asked(Step.BREAK):
        raise InterruptExecution(visible(why))
