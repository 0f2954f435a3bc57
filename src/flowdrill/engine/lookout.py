"""What a run knows while it waits, and the one loop it waits in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flowdrill.analysis.detector import Alarm, SequentialDetector
from flowdrill.analysis.outcomes import OutcomeBook
from flowdrill.engine.facts import Fact, LoadDied, RecordsArrived, StopAsked, WatchLost, WorkloadChanged
from flowdrill.engine.ports import Clock, Emit, Inbox
from flowdrill.errors import LoadError, WaitTimeoutError
from flowdrill.model.events import Noted, WorkloadSeen
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.workload import WorkloadSnapshot

T = TypeVar("T")
_TICK_NS = 20_000_000  # how often a wait looks at the clock when nothing arrives


class StopAskedError(Exception):
    """SIGINT or SIGTERM arrived; ends the wait, and through it the drill. Not an error of the user's."""

    def __init__(self, signal: str) -> None:
        super().__init__(signal)
        self.signal = signal


class Lookout:
    """Takes facts from the inbox in order, keeps what they add up to, and waits for conditions on it."""

    def __init__(self, clock: Clock, inbox: Inbox, emit: Emit, latency_objective_seconds: float) -> None:
        self._clock = clock
        self._inbox = inbox
        self._emit = emit
        self._book = OutcomeBook(seconds_to_ns(latency_objective_seconds))
        self._detector: SequentialDetector | None = None
        self._restoring = False
        self.outcomes: list[Outcome] = []
        self.alarm: Alarm | None = None
        self.workload: WorkloadSnapshot | None = None
        self.workload_seen = Instant(0, 0)  # between the last two changes of the workload
        self.stop_signal: str | None = None

    def watch_for_failure(self, detector: SequentialDetector) -> None:
        """Feed every later outcome to `detector`."""
        self._detector = detector

    def finish_in_peace(self) -> None:
        """From now on nothing ends a wait early: the workload is being put back."""
        self._restoring = True

    def wait(self, condition: Callable[[int], T | None], limit_seconds: float) -> T | None:
        """Return the first answer of `condition(now_ns)` that is not None, or None after `limit_seconds`.

        Raises StopAskedError on a signal and LoadError when Locust died, unless the workload is being put back.
        """
        deadline = self._clock.now_ns() + seconds_to_ns(limit_seconds)
        while True:
            now = self._clock.now_ns()
            self._advance(now)
            answer = condition(now)
            if answer is not None or now >= deadline:
                return answer
            fact = self._inbox.next(min(deadline, now + _TICK_NS))
            if fact is not None:
                self._take(fact)

    def wait_or_fail(self, condition: Callable[[int], T | None], limit_seconds: float, what: str) -> T:
        """Like wait; WaitTimeoutError says what was last seen when the limit passes."""
        answer = self.wait(condition, limit_seconds)
        if answer is None:
            seen = self.workload.described() if self.workload else "nothing"
            raise WaitTimeoutError(
                f"{what}: not after {limit_seconds:g} s; last seen: {seen}", "see the run's evidence"
            )
        return answer

    def _advance(self, now_ns: int) -> None:
        for outcome in self._book.overdue(now_ns):
            self._know(outcome)
        if self._detector is not None and self.alarm is None:
            self.alarm = self._detector.advance(now_ns)

    def _take(self, fact: Fact) -> None:
        match fact:
            case RecordsArrived(records=records):
                for record in records:
                    outcome = self._book.take(record)
                    if outcome is not None:
                        self._know(outcome)
            case WorkloadChanged(arrived_ns=arrived, snapshot=snapshot):
                self.workload = snapshot
                self.workload_seen = Instant(min(self.workload_seen.latest_ns, arrived), arrived)
                self._emit(WorkloadSeen(at_ns=arrived, snapshot=snapshot))
            case WatchLost(arrived_ns=arrived, problem=problem):
                self._emit(Noted(at_ns=arrived, text=f"watch lost: {problem}"))
            case LoadDied(arrived_ns=arrived, exit_code=code, last_words=words):
                self._emit(Noted(at_ns=arrived, text=f"Locust ended by itself with exit code {code}: {words}"))
                if not self._restoring:
                    raise LoadError(
                        f"Locust ended by itself (exit code {code}): {words}", "see locust.log in the run folder"
                    )
            case StopAsked(arrived_ns=arrived, signal=signal):
                self._emit(Noted(at_ns=arrived, text=f"{signal} received"))
                self.stop_signal = self.stop_signal or signal
                if not self._restoring:
                    raise StopAskedError(signal)

    def _know(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self._detector is not None:
            self._detector.take(outcome)


def quiet_for_seconds(outcomes: list[Outcome], now_ns: int) -> float | None:
    """Return how long no request's fate has become known; None when none ever has."""
    return ns_to_seconds(now_ns - outcomes[-1].known_ns) if outcomes else None
