"""One experiment's drill: the engine in a thread of its own, which the experiment's activities let go on from step to
step. It lives in the experiment's configuration, which every run of an experiment has for itself."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from chaoslib.exceptions import ActivityFailed, InterruptExecution

from flowdrill.analysis.redaction import secrets_of
from flowdrill.chaos.asking import Asked
from flowdrill.chaos.journal import Closing, keep_experiment, keep_journal, tell_result
from flowdrill.chaos.leading import lead_to
from flowdrill.chaos.own_activities import OwnActivities
from flowdrill.drilling.runs import FinishedRun, Pilot, RunWith, run_steered
from flowdrill.edges.terminal.lines import line_of, visible
from flowdrill.engine.facts import EndAsked, Step, StepAsked, Tell
from flowdrill.engine.ports import Emit, Ports
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import FlowdrillError
from flowdrill.history.run_reports import read_report
from flowdrill.model.events import Event
from flowdrill.model.result import Result
from flowdrill.preparing.chaos_activities import cluster_of
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.opening import Cluster, OpenDrill

_LOOK_SECONDS = 0.5
_DRY = "a dry run: nothing was to be broken"
_NOT_BEGUN = "the experiment was over before it had started the load"
_CUT_SHORT = "the experiment has everything put back before the drill was over"
_log = logging.getLogger("chaostoolkit")

E = TypeVar("E", bound=Event)
T = TypeVar("T")
Json = dict[str, Any]


CarryOut = Callable[[DrillFile, Cluster, RunWith, Pilot, Callable[[str], None]], FinishedRun]


class Session:
    """The pilot of one drill (drilling.runs). Its methods are called by chaoslib's threads, but for those that the
    engine calls."""

    def __init__(self, asked: Asked, carry_out: CarryOut = run_steered) -> None:
        self.plan, self.dry, self.where = asked.plan, asked.dry, asked.where
        self._asked, self._run_steered = asked, carry_out
        self._changed = threading.Condition()
        self._here: OpenDrill | None = None
        self._folder: Path | None = None
        self._ports: Ports | None = None
        self._emit: Emit | None = None
        self._hand_over: Callable[[], str | None] = lambda: None
        self._events: list[Event] = []
        self._steps: set[Step] = set()  # that the experiment has asked for
        self._arrived: set[Step] = set()  # that the drill has come to
        self._outcome: RunOutcome | None = None
        self._end: str | None = None  # why the drill was asked to end
        self._journal: Json | None = None
        self._closed = False
        self._lead_back: Callable[[], None] = lambda: None
        self._finished: FinishedRun | None = None
        self._problem: FlowdrillError | None = None
        self._thread = threading.Thread(target=self._carry_out, name="drill", daemon=True)
        self.own = OwnActivities(asked.plan.drill.chaos)
        self.in_method = False
        self.stopped: str | None = None  # what wants the experiment to end, in words

    def __repr__(self) -> str:
        return f"<the drill {self.plan.drill.drill}>"

    # what the engine calls

    @property
    def words(self) -> str:
        """Who steers, for the record."""
        title = visible(str(self._asked.experiment.get("title", "")))
        return f"steered by Chaos Toolkit: {title!r} (chaos/experiment.json; its journal becomes chaos/journal.json)"

    def opened(self, here: OpenDrill) -> None:
        """Everything that the drill is about is connected."""
        with self._changed:
            self._here = here
            self._changed.notify_all()

    def take(self, folder: Path, ports: Ports, emit: Emit, hand_over: Callable[[], str | None]) -> None:
        """The run begins."""
        keep_experiment(folder, self._asked.experiment, self._hidden)
        with self._changed:
            self._folder, self._ports, self._emit, self._hand_over = folder, ports, emit, hand_over
            self._changed.notify_all()
        if self._end is not None:  # somebody was quicker
            self._tell_end(self._end)

    def arrived(self, step: Step) -> None:
        """The drill waits for a step."""
        with self._changed:
            self._arrived.add(step)
            self._changed.notify_all()

    def emit(self, event: Event) -> None:
        """Hear of an event."""
        line = line_of(event)
        if line is not None:
            _log.info("flowdrill: %s", visible(line))
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def told(self, tell: Tell) -> Tell:
        """Facts are nothing to show."""
        return tell

    def ended(self, folder: Path, outcome: RunOutcome) -> None:
        """Wait until the experiment is over, too, and keep its journal."""
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._journal is not None)
            journal = self._journal
        assert journal is not None  # noqa: S101 - for the type checker
        result, left_out = read_report(folder).result, () if self.dry else self.own.not_done(journal)
        closing = Closing(folder, result, self._error, self.dry, left_out)
        keep_journal(closing, journal, self._hidden)

    def _carry_out(self) -> None:
        try:
            self._finished = self._run_steered(self.plan, self.where, self._asked.run, self, self._say)
        except FlowdrillError as error:
            self._problem = error
        except Exception as error:  # noqa: BLE001 - it must not be lost with the thread
            _log.debug("the drill failed", exc_info=True)
            self._problem = FlowdrillError(f"flowdrill itself failed: {error!r}", "this is a defect, please report it")
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()

    def _say(self, text: str) -> None:
        _log.info("flowdrill: %s", visible(text))

    # what activities and controls call

    def open(self) -> None:
        """Connect to everything, and carry out the drill as far as nothing is changed: preflight. FlowdrillError when
        that cannot be begun."""
        self._thread.start()
        self._await(lambda: self._folder)
        if self._here is not None and self.plan.drill.chaos.activities:
            self._lead_back = lead_to(cluster_of(self._here.post))
        if self._folder is None and self._problem is not None:
            raise self._problem

    @property
    def here(self) -> OpenDrill:
        """What is connected; ActivityFailed when the drill is over."""
        if self._here is None or self._closed:
            self._refuse()
        return self._here

    @property
    def ports(self) -> Ports:
        """What the engine works with; ActivityFailed when it is at work no longer."""
        if self._ports is None or self.over:
            self._refuse()
        return self._ports

    @property
    def write(self) -> Emit:
        """What writes an event into the run; ActivityFailed when it has ended."""
        if self._emit is None or self.over:
            self._refuse()
        return self._emit

    @property
    def over(self) -> bool:
        """Whether the engine has put everything back and ended, or has never begun."""
        return self._outcome is not None or self._closed

    @property
    def failed(self) -> str | None:
        """Why the drill has ended by itself, None where it has not, or was asked to."""
        if not self.over or self._steps & {Step.RESTORE}:
            return None
        return self._why_over()

    def first(self, kind: type[E], fits: Callable[[E], bool] = lambda _: True) -> E | None:
        """Return the first event of a kind that fits, or None."""
        return next((one for one in self._events if isinstance(one, kind) and fits(one)), None)

    def was_asked(self, step: Step) -> bool:
        """Whether the experiment has asked for a step."""
        return step in self._steps

    def waits_for(self, step: Step) -> bool:
        """Whether the drill has come to a step: all before it is done."""
        return step in self._arrived

    def ask(self, step: Step) -> None:
        """Let the drill go on to a step; ActivityFailed when it is over."""
        if self.over:
            self._refuse()
        self._let(step)

    def until(self, what: Callable[[], T | None]) -> T | None:
        """Wait, and return the first answer that is not None; None when the drill is over before. Every wait of the
        engine has its own limit."""
        try:
            return self._await(what)
        except InterruptExecution as asked:
            self.stopped = str(asked)  # chaoslib takes what an activity raises for its failure: the guard repeats it
            raise

    def let_restore(self) -> None:
        """Let the drill put everything back: once it has seen what comes of the rollback, where one was asked for."""
        if self.over:
            return
        settles = self.was_asked(Step.ROLL_BACK) and self.stopped is None
        self._let(Step.RESTORE)
        if not settles and not self.waits_for(Step.RESTORE):
            begun = self.was_asked(Step.START)
            self._tell_end(_DRY if self.dry else _CUT_SHORT if begun else _NOT_BEGUN)

    def finish(self, journal: Json) -> None:
        """The experiment is over: have everything put back, write the journal and the reports, and say in the journal
        what came of the drill. Called again, it does nothing."""
        if self._journal is not None:
            return
        if journal.get("status") in ("interrupted", "aborted"):
            self.stopped = self.stopped or "the experiment was interrupted"
        self.let_restore()
        self._patiently(lambda: True if self.over else None)
        with self._changed:
            self._journal = journal
            self._changed.notify_all()
        self._patiently(lambda: True if self._closed else None)
        self._lead_back()
        tell_result(journal, self._finished, self._problem)

    def result(self) -> Result | None:
        """Return what the run shows by now, by what is written down; None before there is a run."""
        return None if self._folder is None else read_report(self._folder).result

    def _let(self, step: Step) -> None:
        self._steps.add(step)
        if self._ports is not None:
            self._ports.tell(StepAsked(time.monotonic_ns(), step))

    def _tell_end(self, why: str) -> None:
        self._end = self.stopped or why
        if self._ports is not None:
            self._ports.tell(EndAsked(time.monotonic_ns(), self._end))

    def _await(self, what: Callable[[], T | None]) -> T | None:
        with self._changed:
            while True:
                answer = what()
                if answer is not None or self.over:
                    return answer
                self._changed.wait(_LOOK_SECONDS)

    def _patiently(self, what: Callable[[], bool | None]) -> None:
        """Wait as long as it takes. Who interrupts that once more leaves the rest to the guard, as with `flowdrill
        run`."""
        while True:
            try:
                with self._changed:
                    if self._changed.wait_for(what, _LOOK_SECONDS):
                        return
            except (KeyboardInterrupt, SystemExit, InterruptExecution) as again:
                whom = self._hand_over() if self.stopped is not None else None
                self.stopped = self.stopped or str(again) or "interrupted"
                self._tell_end(self.stopped)  # it may be settling: what is broken is put back at once
                if whom is not None:
                    _log.critical("flowdrill: interrupted again: the guard puts everything back (%s)", whom)
                    os._exit(1)

    @property
    def _hidden(self) -> tuple[str, ...]:
        """What must not be written down: also what the drill itself knows of."""
        known = secrets_of(self._here.environ) if self._here is not None else frozenset[str]()
        return (*self._asked.run.hidden, *known)

    @property
    def _error(self) -> FlowdrillError | None:
        return self._problem or (None if self._outcome is None else self._outcome.error)

    def _why_over(self) -> str:
        if self._error is not None:
            return str(self._error)
        return "the drill has not begun" if self._outcome is None else f"the drill is over: {self._outcome.why}"

    def _refuse(self) -> NoReturn:
        raise ActivityFailed(visible(self._why_over()))
