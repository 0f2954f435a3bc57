"""The rules that a recorded run is held against, and the detectors that evaluate them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowdrill.analysis.detecting_limit import detecting_limit_seconds
from flowdrill.analysis.detector import Alarm, SequentialDetector, threshold_for
from flowdrill.analysis.threshold_rules import Schedule, detector_after
from flowdrill.model.drill import Drill
from flowdrill.model.events import BaselineHeld
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.quantity import duration_text, ratio_text
from flowdrill.model.rule import Rule, SequentialRule, ThresholdRule, parse_rule, unseen_because
from flowdrill.model.scenario import Detector, Scenario

PHASES = 13
_STRIDE = 8  # with 13: evaluations and scrapes lie apart by each thirteenth of their distance once
_FAST_BURN = 14.4  # times the error budget: 2 % of a month's in an hour (Google's SRE Workbook, chapter 5)
_AS_PROMETHEUS = "every 15s scrape 15s"


class Watcher(Protocol):
    """A detector over outcomes."""

    def take(self, outcome: Outcome) -> None:
        """Count an outcome."""
        ...

    def advance(self, now_ns: int) -> Alarm | None:
        """Return an alarm when what is known at `now_ns` raises it."""
        ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule, with its name in the drill when it has one."""

    rule: Rule
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Normal:
    """What detectors know of the service before it fails: `steady` outcomes of `seconds` before the break."""

    steady: Sequence[Outcome]
    seconds: float
    bad_ratio: float  # p0 of the sequential detector
    threshold: float  # A of it


def candidates_of(drill: Drill, wanted: Sequence[Rule]) -> tuple[Candidate, ...]:
    """Return the sequential detector, and with it the rules that are wanted; when none is, the drill's own and
    well-known ones."""
    named = {str(rule): name for name, rule in drill.detect.rules.items()}
    first = Candidate(SequentialRule(), Detector.SEQUENTIAL)
    rules = list(wanted) or [*drill.detect.rules.values(), *_well_known(drill)]
    others = dict.fromkeys(str(rule) for rule in rules if not isinstance(rule, SequentialRule))
    return (first, *(Candidate(parse_rule(text), named.get(text)) for text in others))


def normal_of(
    drill: Drill, scenario: Scenario, baseline: BaselineHeld, known: Sequence[Outcome], until_ns: int
) -> Normal:
    """Return what was known before the break at `until_ns`, as the drill's own detectors knew it."""
    threshold = threshold_for(detecting_limit_seconds(drill, scenario) + drill.rollback.limit)
    steady = [one for one in known if one.known_ns <= until_ns]
    return Normal(steady, drill.baseline.window, baseline.normal_bad_ratio, threshold)


def sequential_detector(normal: Normal, start_ns: int) -> SequentialDetector:
    """Return flowdrill's own detector as it ran in the drill."""
    return SequentialDetector(normal_bad_ratio=normal.bad_ratio, threshold=normal.threshold, start_ns=start_ns)


def watchers_from(candidate: Candidate, normal: Normal, start_ns: int) -> tuple[Watcher, ...]:
    """Return one detector a phase: nobody knows when evaluations and scrapes come. The sequential one has its slots."""
    rule = candidate.rule
    if isinstance(rule, SequentialRule):
        return (sequential_detector(normal, start_ns),)
    schedules = (_schedule(rule, phase, start_ns) for phase in range(PHASES))
    return tuple(detector_after(rule, normal.steady, start_ns, normal.seconds, one) for one in schedules)


def _schedule(rule: ThresholdRule, phase: int, start_ns: int) -> Schedule:
    scrape_seconds = rule.scrape_seconds or 0.0
    scrape_share = phase * _STRIDE % PHASES / PHASES
    return Schedule(
        start_ns=start_ns + seconds_to_ns(rule.every_seconds * phase / PHASES),
        scrape_at_ns=start_ns + seconds_to_ns(scrape_seconds * scrape_share),
    )


def _well_known(drill: Drill) -> list[Rule]:
    budget = 1 - drill.slo.availability
    burn_ratio = round(_FAST_BURN * budget, 6)
    objective = duration_text(drill.load.latency_objective)
    texts = [f"bad_ratio > 5% over 1m for 1m {_AS_PROMETHEUS}"]
    texts += [f"bad_ratio > {ratio_text(burn_ratio)} over 1h and 5m {_AS_PROMETHEUS}"] if 0 < burn_ratio < 1 else []
    texts += [f"p95 > {objective} over 1m for 1m {_AS_PROMETHEUS}"]
    return [parse_rule(text) for text in texts]


def first_unseen(candidates: Sequence[Candidate], drill: Drill) -> str | None:
    """Return why the first rule that cannot be evaluated on this drill's outcomes cannot be, or None."""
    reasons = ((one.rule, unseen_because(one.rule, drill.load.latency_objective)) for one in candidates)
    return next((f"{rule}: {why}" for rule, why in reasons if why is not None), None)
