"""The drill's instants and the times between them, from a recorded run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flowdrill.analysis.outage import FailingWindow, Failure, failing_window
from flowdrill.analysis.run_clock import last_seen_ns
from flowdrill.model.events import (
    Acknowledged,
    BaselineHeld,
    Decided,
    Detected,
    ImageSet,
    ObstacleTaken,
    Purpose,
    RecoveryHeld,
    RolledBack,
)
from flowdrill.model.instant import Instant, Span
from flowdrill.model.outcome import Outcome
from flowdrill.model.run_record import RunRecord


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
    restored: Instant | None = None  # users served again, where no rollback but the restore did it
    by_answers: bool = True  # whether whoever detected it looks at users' answers
    acknowledged: Instant | None = None
    by_people: bool = False  # whether people rolled back
    harmless: bool = False  # whether a candidate was rolled back, and users were served afterwards

    @property
    def never_hit(self) -> bool:
        """Whether the cluster showed the failure and no user ever met it, or there was none to meet."""
        return self.impact is None and (self.detected_before_impact or self.harmless)

    @property
    def detected_before_impact(self) -> bool:
        """Whether the failure was noticed before any user was hit, or none ever was. Answers cannot show it then: who
        says so by them has seen something else."""
        if self.detected is None or self.by_answers:
            return False
        return self.impact is None or self.detected.latest_ns < self.impact.earliest_ns

    @property
    def time_to_detect(self) -> Span | None:
        """Detected - impact; detected - broken when no user had been hit by then."""
        return _between(self.broken if self.detected_before_impact else self.impact, self.detected)

    def time_to_detect_of(self, said: Detected) -> Span | None:
        """Return the same for one detector's word, whether or not it was enough for the rollback."""
        by_answers = said.newest_outcome_ns is not None
        return replace(self, detected=said.instant, by_answers=by_answers).time_to_detect

    def time_to_detect_of_instant(self, at: Instant) -> Span | None:
        """Return the same for whoever does not look at answers, and noticed `at`."""
        return replace(self, detected=at, by_answers=False).time_to_detect

    @property
    def reaction(self) -> Span | None:
        """Triggered - detected."""
        return _between(self.detected, self.triggered)

    @property
    def time_to_acknowledge(self) -> Span | None:
        """Acknowledged - impact; acknowledged - broken when no user had been hit by then."""
        return replace(self, detected=self.acknowledged, by_answers=False).time_to_detect

    @property
    def time_to_act(self) -> Span | None:
        """Triggered - acknowledged, where people rolled back and had acknowledged before."""
        span = _between(self.acknowledged, self.triggered)
        return span if self.by_people and span is not None and span.longest_ns > 0 else None

    @property
    def time_to_recover(self) -> Span | None:
        """Recovered - triggered: what the rollback itself takes."""
        return _between(self.triggered, self.recovered)

    @property
    def outage(self) -> Span | None:
        """Recovered - impact; nothing at all when no user was ever hit."""
        return Span(0, 0, 0) if self.never_hit else _between(self.impact, self.recovered)

    @property
    def outage_until_restore(self) -> Span | None:
        """Restored - impact: the outage, where the brake did not end it."""
        return _between(self.impact, self.restored)


def image_set(record: RunRecord, purpose: Purpose) -> ImageSet | None:
    """Return the first time the image was set for `purpose`, or None."""
    return next((event for event in record.all_of(ImageSet) if event.purpose is purpose), None)


@dataclass(frozen=True, slots=True)
class SoughtFailure:
    """What to look for: the first outcomes, and the last (None: whatever is known), that the failure may have; and the
    ratio of bad ones that is no failure."""

    from_ns: int
    until_ns: int | None
    normal_bad_ratio: float


def sought_failure(record: RunRecord) -> SoughtFailure | None:
    """Return what the break may have caused; None without a break. Once the recovery has held, nothing later belongs
    to it."""
    broken = image_set(record, Purpose.BREAK)
    if broken is None:
        return None
    baseline, held = record.first(BaselineHeld), record.first(RecoveryHeld)
    normal = baseline.bad / baseline.finished if baseline and baseline.finished else 0.0
    return SoughtFailure(broken.instant.earliest_ns, held.at_ns if held else None, normal)


def failure_of(record: RunRecord, outcomes: Iterable[Outcome]) -> FailingWindow | None:
    """Return the failure the break caused, or None; of columns, `outage_columns.failure_of_run` does."""
    sought = sought_failure(record)
    if sought is None:
        return None
    return failing_window(
        (outcome for outcome in outcomes if sought.until_ns is None or outcome.known_ns <= sought.until_ns),
        normal_bad_ratio=sought.normal_bad_ratio,
        from_ns=sought.from_ns,
    )


def timeline_of(record: RunRecord, failure: Failure | None) -> Timeline:
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
        restored=_restored(record, failure.recovered) if failure and not held else None,
        by_answers=detected is not None and detected.newest_outcome_ns is not None,
        acknowledged=_acknowledged(record),
        by_people=triggered is not None and triggered.by_people,
        harmless=record.scenario.is_candidate and triggered is not None and held,
    )


def _restored(record: RunRecord, recovered: Instant | None) -> Instant | None:
    """When the restore brought users back; None where a rollback that had no time to hold did."""
    restore = image_set(record, Purpose.RESTORE)
    starts = [one.at_ns for one in record.all_of(ObstacleTaken)]
    starts += [restore.instant.earliest_ns] if restore is not None else []
    return recovered if recovered is not None and starts and recovered.latest_ns >= min(starts) else None


def _acknowledged(record: RunRecord) -> Instant | None:
    """When somebody first said so: not before there was something to notice, and not once it is being put back."""
    broken, restore = image_set(record, Purpose.BREAK), image_set(record, Purpose.RESTORE)
    if broken is None:
        return None
    until_ns = restore.instant.earliest_ns if restore is not None else last_seen_ns(record)
    said = (event.instant for event in record.all_of(Acknowledged))
    return next((one for one in said if broken.instant.earliest_ns < one.latest_ns <= until_ns), None)


def _between(start: Instant | None, end: Instant | None) -> Span | None:
    return start.until(end) if start and end else None
