"""What a run knows while it waits, and the one loop it waits in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from flowdrill.analysis.outcomes import OutcomeBook
from flowdrill.engine.detections import Detections, OutcomeDetector
from flowdrill.engine.facts import (
    AckTold,
    ActivityBegan,
    ActivityOver,
    AlertGone,
    AlertSeen,
    AroundSeen,
    EndAsked,
    Fact,
    FramesArrived,
    GuardTold,
    ImageStill,
    InjectTold,
    LoadDied,
    LookTold,
    OutsideAlertsSeen,
    RecordsArrived,
    SourceTold,
    Step,
    StepAsked,
    StopAsked,
    WatchLost,
    WorkloadChanged,
)
from flowdrill.engine.hearing import Told, event_of
from flowdrill.engine.limits import Around, LimitReachedError, Limits
from flowdrill.engine.ports import Clock, Emit, Inbox
from flowdrill.engine.workers import WorkersHeard
from flowdrill.errors import GuardActsError, LoadError, TakenOverError
from flowdrill.model.activity import ActivitySlot
from flowdrill.model.alerts import ALERT_SOURCES
from flowdrill.model.detect_plan import HUMAN, Trigger
from flowdrill.model.events import (
    LimitLook,
    LimitReached,
    Noted,
    WorkloadSeen,
)
from flowdrill.model.instant import Instant, ns_to_seconds, seconds_to_ns
from flowdrill.model.load_frames import Frame
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.outcome import Outcome
from flowdrill.model.workload import WorkloadSnapshot

T = TypeVar("T")


_SILENCE_SECONDS = 5.0  # no request's fate known for so long, or for the time of so many requests: nothing is sent
_SILENT_REQUESTS = 20
_TICK_NS = 20_000_000  # how often a wait looks at the clock when nothing arrives
THE_DRILL = "the drill"  # who tells the injects that the plan has


class StopAskedError(Exception):
    """SIGINT or SIGTERM arrived; ends the wait, and through it the drill. Not an error of the user's."""

    def __init__(self, signal: str) -> None:
        super().__init__(signal)
        self.signal = signal


class EndAskedError(Exception):
    """Whoever steers the drill wants it to end; ends the wait, and through it the drill."""


class Lookout:
    """Takes facts from the inbox in order, keeps what they add up to, and waits for conditions on it."""

    def __init__(self, clock: Clock, inbox: Inbox, emit: Emit, load: LoadPlan, trigger: Trigger) -> None:
        self._clock = clock
        self._inbox = inbox
        self._emit = emit
        self._book = OutcomeBook(seconds_to_ns(load.latency_objective))
        self._workers = WorkersHeard()
        silence_seconds = load.latency_objective + max(_SILENCE_SECONDS, _SILENT_REQUESTS / load.requests_per_second)
        self._longest_silence_ns = seconds_to_ns(silence_seconds)
        self._breaking = False
        self._broken_image = ""
        self._owns: Callable[[str], bool] = lambda _: True
        self._restoring = False
        self._still_broken_ns = 0  # when the workload was last asked, and had the broken image
        self._injects: deque[tuple[int, str]] = deque()  # (when, what people are told)
        self.outcomes: list[Outcome] = []
        self._newest_known_ns = 0
        self.detections = Detections(clock, emit, trigger)
        self.workload: WorkloadSnapshot | None = None
        self.workload_seen = Instant(0, 0)  # between the last two changes of the workload
        self.put_back: Instant | None = None  # when the workload first had another image than the broken one again
        self.put_back_seen: WorkloadSnapshot | None = None  # and as it was then
        self.stop_signal: str | None = None
        self.asked: frozenset[Step] = frozenset()  # the steps that somebody else lets the drill go on to
        self.guard_acts: GuardActsError | None = None  # then this run touches nothing any more
        self.alerts_heard: list[AlertSeen] = []
        self.sources_away: dict[str, str] = {}  # source of alerts -> why it is away
        self.activities_over: dict[ActivitySlot, ActivityOver] = {}
        self.activities_begun: set[ActivitySlot] = set()
        self.broken_ns = 0  # when the break was asked for: a word from before says nothing about it
        self.limits: Limits | None = None  # that end a wait

    def watch_for_failure(
        self, detectors: Mapping[str, OutcomeDetector], broken_image: str, owns: Callable[[str], bool]
    ) -> None:
        """Feed every later outcome to `detectors`, by their names, and look at what Kubernetes says of pods with
        `broken_image`. From now on the drill `owns` the workload's image, or somebody else has changed it, which ends
        the next wait."""
        self.detections.begin(detectors, broken_image)
        self._breaking = True
        self._broken_image = broken_image
        self._owns = owns

    def tell_later(self, injects: Iterable[tuple[int, str]]) -> None:
        """Record each text when its time has come (monotonic nanoseconds), unless the drill is over by then."""
        self._injects = deque(sorted(injects))

    def finish_in_peace(self) -> None:
        """From now on nothing ends a wait early: the workload is being put back."""
        self._restoring = True
        self.detections.end()
        self._injects.clear()

    def wait(self, condition: Callable[[int], T | None], limit_seconds: float) -> T | None:
        """Return the first answer of `condition(now_ns)` that is not None, or None after `limit_seconds`.

        Raises StopAskedError on a signal, EndAskedError when whoever steers has asked for it, LoadError when Locust
        died or fell silent, TakenOverError when somebody else changed the workload's image, and LimitReachedError when
        one of the `limits` is reached, unless the workload is being put back; GuardActsError always.
        """
        deadline = self._clock.now_ns() + seconds_to_ns(limit_seconds)
        while True:
            now = self._clock.now_ns()
            while (fact := self._inbox.next(now)) is not None:  # first all that is known: it may have piled up
                self._take(fact)
            self._advance(now)
            self._stop_at_limits(now)
            answer = condition(now)
            if answer is not None or now >= deadline:
                return answer
            fact = self._inbox.next(min(deadline, now + _TICK_NS))
            if fact is not None:
                self._take(fact)

    def pause(self, seconds: float) -> None:
        """Wait that long, and take in what arrives; raises what `wait` raises."""
        self.wait(lambda _: None, seconds)

    def catch_up(self) -> None:
        """Take in all that has arrived, without waiting; raises what `wait` raises."""
        self.wait(lambda _: True, 0)

    def _advance(self, now_ns: int) -> None:
        for outcome in (*self._book.overdue(now_ns), *self._workers.known(now_ns)):
            self._know(outcome)
        if not self._restoring:  # then the load is told to stop, and workers fall silent
            for text in self._workers.remarks(now_ns):
                self._emit(Noted(at_ns=now_ns, text=text))
        known_until_ns = self._workers.known_until_ns(now_ns)
        while self._injects and self._injects[0][0] <= now_ns:
            at_ns, text = self._injects.popleft()
            self._hear(InjectTold(at_ns, text, THE_DRILL))
        self.detections.advance(known_until_ns)
        if not self._breaking or self._restoring:
            return
        if self.outcomes and now_ns - self._newest_known_ns > self._longest_silence_ns:
            seconds = ns_to_seconds(self._longest_silence_ns)
            raise LoadError(f"Locust has sent nothing for {seconds:g} s", "see locust.log in the run folder")

    def _take(self, fact: Fact) -> None:
        match fact:
            case RecordsArrived(records=records):
                for outcome in filter(None, map(self._book.take, records)):
                    self._know(outcome)
            case FramesArrived(frames=frames, arrived_ns=arrived):
                self._hear_workers(frames, arrived)
            case WorkloadChanged() | ImageStill():
                self._see(fact)
            case WatchLost(arrived_ns=arrived, problem=problem):
                self._emit(Noted(at_ns=arrived, text=f"watch lost: {problem}"))
            case StepAsked(step=step):
                self.asked |= {step}
            case LoadDied() | StopAsked() | EndAsked() | GuardTold():
                self._heed(fact)
            case AlertSeen() | AlertGone() | SourceTold() | AckTold() | InjectTold() | ActivityBegan() | ActivityOver():
                self._hear(fact)
            case AroundSeen() | OutsideAlertsSeen() | LookTold():
                self._look_around(fact)

    def _hear_workers(self, frames: Iterable[Frame], arrived_ns: int) -> None:
        try:
            self._workers.hear(frames, arrived_ns)
        except LoadError as error:
            self._emit(Noted(at_ns=arrived_ns, text=error.problem))
            if not self._restoring:
                raise

    def _heed(self, fact: LoadDied | StopAsked | EndAsked | GuardTold) -> None:
        """Take in what may end the drill."""
        match fact:
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
            case EndAsked(why=why):
                if not self._restoring:
                    raise EndAskedError(why)
            case GuardTold(arrived_ns=arrived, text=text, acts=acts):
                self._emit(Noted(at_ns=arrived, text=text))
                if acts:
                    self.guard_acts = GuardActsError(text, "wait until it is done: `flowdrill status` tells")
                    raise self.guard_acts

    def _stop_at_limits(self, now_ns: int) -> None:
        if self.limits is None or self._restoring:
            return
        reached = self.limits.reached(self.outcomes, self.broken_ns, now_ns)
        if reached is not None:
            limit, observed = reached
            self._emit(LimitReached(at_ns=now_ns, limit=limit.name, observed=observed))
            raise LimitReachedError(limit.reached(observed))

    def _look_around(self, fact: Around) -> None:
        if isinstance(fact, LookTold):
            self._emit(LimitLook(at_ns=fact.arrived_ns, limit=fact.limit, problem=fact.problem))
        if self.limits is not None:
            self.limits.see(fact, self.broken_ns)

    def _hear(self, told: Told) -> None:
        self._emit(event_of(told))
        match told:
            case AlertSeen():
                self.alerts_heard.append(told)
            case ActivityBegan(slot=slot):
                self.activities_begun.add(slot)
            case ActivityOver(slot=slot):
                self.activities_over[slot] = told
            case SourceTold(source=source, problem=None):
                self.sources_away.pop(source, None)
            case SourceTold(source=source, problem=str(problem)) if source in ALERT_SOURCES:
                self.sources_away[source] = problem
        match told:
            case AlertSeen(alert=alert, instant=instant, detects=True, says=says) if self._is_late(instant):
                self.detections.tell(alert, instant, says=says or f"alert {told.stage}")
            case AckTold(instant=instant, by=by, how=how) if self._is_late(instant):
                self.detections.tell(HUMAN, instant, says=f"{by}, {how}")

    def _is_late(self, instant: Instant) -> bool:
        """Whether it can have been after the break was asked for."""
        return instant.latest_ns >= self.broken_ns

    def _see(self, fact: WorkloadChanged | ImageStill) -> None:
        if isinstance(fact, ImageStill):
            if self.put_back is None and fact.image == self._broken_image:
                self._still_broken_ns = max(self._still_broken_ns, fact.asked_ns)
            return
        before, self.workload = self.workload, fact.snapshot
        self.workload_seen = Instant(min(self.workload_seen.latest_ns, fact.arrived_ns), fact.arrived_ns)
        self._emit(WorkloadSeen(at_ns=fact.arrived_ns, snapshot=fact.snapshot))
        self.detections.see(fact.snapshot, self.workload_seen)
        was_broken = self._breaking and before is not None and before.image == self._broken_image
        if self.put_back is None and was_broken and fact.snapshot.image != self._broken_image:
            earliest = max(self.workload_seen.earliest_ns, min(self._still_broken_ns, fact.arrived_ns))
            self.put_back, self.put_back_seen = Instant(earliest, fact.arrived_ns), fact.snapshot
        if not self._restoring and not self._owns(fact.snapshot.image):
            raise taken_over(fact.snapshot)

    def _know(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._newest_known_ns = max(self._newest_known_ns, outcome.known_ns)
        self.detections.take(outcome)


def somebody_else(seen: WorkloadSnapshot) -> str:
    """Return who set the image that the workload has, as far as it says so."""
    by = "" if seen.image_set_by is None else f" (field manager {seen.image_set_by.manager})"
    return f"somebody else{by}"


def taken_over(seen: WorkloadSnapshot) -> TakenOverError:
    """Return the error that says whose change the drill must not overwrite."""
    return TakenOverError(
        f"{somebody_else(seen)} set the image of {seen.kind}/{seen.name} to {seen.image} during the drill: "
        "it is left alone",
        "drill when nobody deploys",
    )
