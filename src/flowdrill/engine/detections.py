"""Who has detected the failure: each detector's first word, and the one that was enough for the rollback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from flowdrill.analysis.detector import Alarm
from flowdrill.analysis.kubernetes_signals import kubernetes_signals
from flowdrill.engine.ports import Clock, Emit
from flowdrill.model.detect_plan import Trigger
from flowdrill.model.events import Detected, SignalSeen
from flowdrill.model.instant import Instant
from flowdrill.model.kubernetes_signals import SignalKind
from flowdrill.model.outcome import Outcome
from flowdrill.model.scenario import Detector
from flowdrill.model.workload import WorkloadSnapshot


class OutcomeDetector(Protocol):
    """A detector that looks at outcomes: it is fed with each, and told the time; it raises one alarm."""

    def take(self, outcome: Outcome) -> None:
        """Count an outcome."""
        ...

    def advance(self, now_ns: int) -> Alarm | None:
        """Return the alarm when what is known at `now_ns` raises it, None before and ever after."""
        ...


class Detections:
    """Nobody's word counts before `begin`, and after `end`: then it says nothing about the broken release."""

    def __init__(self, clock: Clock, emit: Emit, trigger: Trigger) -> None:
        self._clock, self._emit, self._trigger = clock, emit, trigger
        self._detectors: Mapping[str, OutcomeDetector] = {}
        self._broken_image = ""
        self._listening = False
        self._ready_once: frozenset[str] = frozenset()
        self._signals: frozenset[SignalKind] = frozenset()  # those that were recorded
        self.told: list[Detected] = []  # each detector's first word, as recorded
        self.trigger: Detected | None = None  # the word that was enough for the rollback
        self.decided = False  # the way back is taken: who detects now triggers nothing

    def begin(self, detectors: Mapping[str, OutcomeDetector], broken_image: str) -> None:
        """Feed every later outcome to `detectors`, by their names, and look at what Kubernetes says of pods with
        `broken_image`."""
        self._detectors, self._broken_image, self._listening = detectors, broken_image, True

    def end(self) -> None:
        """The workload is being put back."""
        self._listening = False

    def take(self, outcome: Outcome) -> None:
        """Count an outcome."""
        for detector in self._detectors.values():
            detector.take(outcome)

    def advance(self, known_until_ns: int) -> None:
        """Everything up to then is known: record what raises an alarm."""
        if not self._listening:
            return
        for name, detector in self._detectors.items():
            alarm = detector.advance(known_until_ns)
            if alarm is not None:
                self.tell(name, Instant(alarm.slot_end_ns, self._clock.now_ns()), alarm=alarm)

    def see(self, snapshot: WorkloadSnapshot, seen: Instant) -> None:
        """Record what Kubernetes says of the broken image's pods: `seen` between the last two changes."""
        self._ready_once |= {pod.uid for pod in snapshot.pods if pod.ready}
        if not self._listening:
            return
        for one in kubernetes_signals(snapshot, self._ready_once, self._broken_image):
            if one.kind not in self._signals:
                self._signals |= {one.kind}
                self._emit(SignalSeen(seen.latest_ns, seen, one.kind, one.pod, one.says))
            if one.kind.is_failure:
                self.tell(Detector.KUBERNETES, seen, says=one.described())

    def tell(self, detector: str, instant: Instant, *, alarm: Alarm | None = None, says: str = "") -> None:
        """Record a detector's first word."""
        said = {event.detector for event in self.told}
        if not self._listening or detector in said:
            return
        triggers = self.trigger is None and not self.decided and self._trigger.is_pulled({*said, detector})
        event = Detected(
            at_ns=instant.latest_ns,
            detector=detector,
            instant=instant,
            newest_outcome_ns=None if alarm is None else alarm.newest_outcome_ns,
            statistic=None if alarm is None else alarm.statistic,
            threshold=None if alarm is None else alarm.threshold,
            triggers=triggers,
            says=says,
        )
        self.told.append(event)
        self.trigger = event if triggers else self.trigger
        self._emit(event)
