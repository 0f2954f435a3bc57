"""What a run knows while it waits, and the one loop it waits in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flowdrill.analysis.detector import Alarm, SequentialDetector
from flowdrill.analysis.kubernetes_signals import kubernetes_signal
from flowdrill.analysis.outcomes import OutcomeBook
from flowdrill.engine.facts import Fact, LoadDied, RecordsArrived, StopAsked, WatchLost, WorkloadChanged
from flowdrill.engine.ports import Clock, Emit, Inbox
from flowdrill.errors import LoadError, TakenOverError
from flowdrill.model.drill import LoadPlan
from flowdrill.model.events import Detected, Noted, WorkloadSeen
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.scenario import Detector
from flowdrill.model.workload import WorkloadSnapshot

T = TypeVar("T")
_SILENCE_SECONDS = 5.0  # no request's fate known for so long, or for the time of so many requests: nothing is sent
_SILENT_REQUESTS = 20
_TICK_NS = 20_000_000  # how often a wait looks at the clock when nothing arrives


class StopAskedError(Exception):
    """SIGINT or SIGTERM arrived; ends the wait, and through it the drill. Not an error of the user's."""

    def __init__(self, signal: str) -> None:
        super().__init__(signal)
        self.signal = signal


class Lookout:
    """Takes facts from the inbox in order, keeps what they add up to, and waits for conditions on it."""

    def __init__(self, clock: Clock, inbox: Inbox, emit: Emit, load: LoadPlan) -> None:
        self._clock = clock
        self._inbox = inbox
        self._emit = emit
        self._book = OutcomeBook(seconds_to_ns(load.latency_objective))
        silence_seconds = load.latency_objective + max(_SILENCE_SECONDS, _SILENT_REQUESTS / load.requests_per_second)
        self._longest_silence_ns = seconds_to_ns(silence_seconds)
        self._detector: SequentialDetector | None = None
        self._broken_image = ""
        self._ready_once: frozenset[str] = frozenset()
        self._own_images: frozenset[str] = frozenset()
        self._restoring = False
        self.outcomes: list[Outcome] = []
        self.detected: list[Detected] = []  # each detector's first word, as recorded
        self.decided = False  # the way back is taken: who detects now triggers nothing
        self.workload: WorkloadSnapshot | None = None
        self.workload_seen = Instant(0, 0)  # between the last two changes of the workload
        self.stop_signal: str | None = None

    def watch_for_failure(self, detector: SequentialDetector, broken_image: str, own_images: frozenset[str]) -> None:
        """Feed every later outcome to `detector`, and look at what Kubernetes says of pods with `broken_image`. From
        now on the workload's image is one of `own_images`, or somebody else has changed it, which ends the next
        wait."""
        self._detector = detector
        self._broken_image = broken_image
        self._own_images = own_images

    def finish_in_peace(self) -> None:
        """From now on nothing ends a wait early: the workload is being put back."""
        self._restoring = True

    def wait(self, condition: Callable[[int], T | None], limit_seconds: float) -> T | None:
        """Return the first answer of `condition(now_ns)` that is not None, or None after `limit_seconds`.

        Raises StopAskedError on a signal, LoadError when Locust died or fell silent, and TakenOverError when somebody
        else changed the workload's image, unless the workload is being put back.
        """
        deadline = self._clock.now_ns() + seconds_to_ns(limit_seconds)
        while True:
            now = self._clock.now_ns()
            while (fact := self._inbox.next(now)) is not None:  # first all that is known: it may have piled up
                self._take(fact)
            self._advance(now)
            answer = condition(now)
            if answer is not None or now >= deadline:
                return answer
            fact = self._inbox.next(min(deadline, now + _TICK_NS))
            if fact is not None:
                self._take(fact)

    def catch_up(self) -> None:
        """Take in all that has arrived, without waiting; raises what `wait` raises."""
        self.wait(lambda _: True, 0)

    def _advance(self, now_ns: int) -> None:
        for outcome in self._book.overdue(now_ns):
            self._know(outcome)
        if self._detector is None or self._restoring:
            return
        alarm = self._detector.advance(now_ns)
        if alarm is not None:
            self._tell_alarm(alarm)
        if self.outcomes and now_ns - self.outcomes[-1].known_ns > self._longest_silence_ns:
            seconds = ns_to_seconds(self._longest_silence_ns)
            raise LoadError(f"Locust has sent nothing for {seconds:g} s", "see locust.log in the run folder")

    def _take(self, fact: Fact) -> None:
        match fact:
            case RecordsArrived(records=records):
                for record in records:
                    outcome = self._book.take(record)
                    if outcome is not None:
                        self._know(outcome)
            case WorkloadChanged():
                self._see(fact)
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

    def _see(self, fact: WorkloadChanged) -> None:
        self.workload = fact.snapshot
        self.workload_seen = Instant(min(self.workload_seen.latest_ns, fact.arrived_ns), fact.arrived_ns)
        self._emit(WorkloadSeen(at_ns=fact.arrived_ns, snapshot=fact.snapshot))
        self._look_for_signals(fact)
        if self._own_images and not self._restoring and fact.snapshot.image not in self._own_images:
            raise taken_over(fact.snapshot)

    def _look_for_signals(self, fact: WorkloadChanged) -> None:
        self._ready_once |= {pod.uid for pod in fact.snapshot.pods if pod.ready}
        if self._detector is None or self._restoring or self._has_detected(Detector.KUBERNETES):
            return
        signal = kubernetes_signal(fact.snapshot, self._ready_once, self._broken_image)
        if signal is not None:
            self._tell_detected(Detector.KUBERNETES, self.workload_seen, says=signal)

    def _tell_alarm(self, alarm: Alarm) -> None:
        self._tell_detected(
            Detector.SEQUENTIAL,
            Instant(alarm.slot_end_ns, self._clock.now_ns()),
            newest_outcome_ns=alarm.newest_outcome_ns,
            statistic=alarm.statistic,
            threshold=alarm.threshold,
        )

    def _tell_detected(
        self,
        detector: Detector,
        instant: Instant,
        *,
        newest_outcome_ns: int | None = None,
        statistic: float | None = None,
        threshold: float | None = None,
        says: str = "",
    ) -> None:
        event = Detected(
            at_ns=instant.latest_ns,
            detector=detector,
            instant=instant,
            newest_outcome_ns=newest_outcome_ns,
            statistic=statistic,
            threshold=threshold,
            triggers=not self.detected and not self.decided,
            says=says,
        )
        self.detected.append(event)
        self._emit(event)

    def _has_detected(self, detector: Detector) -> bool:
        return any(event.detector == detector for event in self.detected)

    def _know(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self._detector is not None:
            self._detector.take(outcome)


def taken_over(seen: WorkloadSnapshot) -> TakenOverError:
    """Return the error that says whose change the drill must not overwrite."""
    return TakenOverError(
        f"somebody else set the image of {seen.kind}/{seen.name} to {seen.image} during the drill: it is left alone",
        "drill when nobody deploys",
    )
