"""The drill's instants and the times between them, from a recorded run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.analysis.outage import FailingWindow, failing_window
from flowdrill.model.events import BaselineHeld, Decided, Detected, ImageSet, Purpose, RecoveryHeld, RolledBack
from flowdrill.model.instant import Instant, Span
from flowdrill.model.outcome import Outcome
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Detector


@dataclass(frozen=True, slots=True)
class Timeline:
    """The instants of a drill; None where one did not happen."""

    broken: Instant | None
    impact: Instant | None
    detected: Instant | None
    decided: Instant | None
    triggered: Instant | None
    rolled_back: Instant | None
    recovered: Instant | None
    detector: str | None = None  # the one whose word `detected` is

    @property
    def never_hit(self) -> bool:
        """Whether the cluster showed the failure and no user ever met it."""
        return self.impact is None and self.detected_before_impact

    @property
    def detected_before_impact(self) -> bool:
        """Whether the cluster showed the failure before any user was hit, or none ever was. Answers cannot show it
        then: who says so by them has seen something else."""
        if self.detected is None or self.detector != Detector.KUBERNETES:
            return False
        return self.impact is None or self.detected.latest_ns < self.impact.earliest_ns

    @property
    def time_to_detect(self) -> Span | None:
        """Detected - impact; detected - broken when no user had been hit by then."""
        return _between(self.broken if self.detected_before_impact else self.impact, self.detected)

    @property
    def reaction(self) -> Span | None:
        """Triggered - detected."""
        return _between(self.detected, self.triggered)

    @property
    def time_to_recover(self) -> Span | None:
        """Recovered - triggered: what the rollback itself takes."""
        return _between(self.triggered, self.recovered)

    @property
    def outage(self) -> Span | None:
        """Recovered - impact; nothing at all when no user was ever hit."""
        return Span(0, 0, 0) if self.never_hit else _between(self.impact, self.recovered)


def image_set(record: RunRecord, purpose: Purpose) -> ImageSet | None:
    """Return the first time the image was set for `purpose`, or None."""
    return next((event for event in record.all_of(ImageSet) if event.purpose is purpose), None)


def failure_of(record: RunRecord, outcomes: Iterable[Outcome]) -> FailingWindow | None:
    """Return the failure the break caused, or None. Once the recovery has held, nothing later belongs to it."""
    broken = image_set(record, Purpose.BREAK)
    if broken is None:
        return None
    baseline, held = record.first(BaselineHeld), record.first(RecoveryHeld)
    normal = baseline.bad / baseline.finished if baseline and baseline.finished else 0.0
    return failing_window(
        (outcome for outcome in outcomes if held is None or outcome.known_ns <= held.at_ns),
        normal_bad_ratio=normal,
        from_ns=broken.instant.earliest_ns,
    )


def timeline_of(record: RunRecord, failure: FailingWindow | None) -> Timeline:
    """Return the run's instants. A recovery that did not hold is none."""
    broken, triggered = image_set(record, Purpose.BREAK), image_set(record, Purpose.ROLL_BACK)
    detected = next((event for event in record.all_of(Detected) if event.triggers), None)
    decided, rolled_back = record.first(Decided), record.first(RolledBack)
    held = record.first(RecoveryHeld) is not None
    return Timeline(
        broken=broken.instant if broken else None,
        impact=failure.impact if failure else None,
        detected=detected.instant if detected else None,
        decided=decided.instant if decided else None,
        triggered=triggered.instant if triggered else None,
        rolled_back=rolled_back.instant if rolled_back else None,
        recovered=failure.recovered if failure and held else None,
        detector=detected.detector if detected else None,
    )


def _between(start: Instant | None, end: Instant | None) -> Span | None:
    return start.until(end) if start and end else None
