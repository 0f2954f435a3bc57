"""flowdrill's own detector, and its model of a team's rules, over a stream: the code of a run and of `replay`."""

from __future__ import annotations

from dataclasses import dataclass

from detection_parts.stream import BASELINE_SECONDS, Stream
from flowdrill.analysis.detector import SequentialDetector, normal_bad_ratio_of, threshold_for
from flowdrill.analysis.replay_candidates import Watcher
from flowdrill.analysis.replay_failure import FailureStream, first_alarms
from flowdrill.analysis.threshold_rules import Schedule, detector_after
from flowdrill.model.detect_plan import DetectPlan
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.rule import parse_threshold_rule

EVERY_SECONDS = 15  # between evaluations, and between scrapes
RULES = {  # as Prometheus' rules of the same names, in `prometheus.py`
    "OverAMinute": parse_threshold_rule("bad_ratio > 5% over 1m for 1m every 15s scrape 15s"),
    "FastBurn": parse_threshold_rule("bad_ratio > 1.44% over 1h and 5m every 15s scrape 15s"),
}
# a drill that says nothing else: `engine.brake`
THRESHOLD = threshold_for(DetectPlan().limit + RollbackPlan().limit)


@dataclass(frozen=True, slots=True)
class Clocks:
    """When rules are evaluated first, and one instant of the scrapes: whole seconds lie between them."""

    evaluated_ns: int
    scraped_ns: int


def clocks_of(stream: Stream, evaluation_phase: float, scrape_seconds: int) -> Clocks:
    """Evaluations `evaluation_phase` of their distance after the service begins to fail, scrapes `scrape_seconds` after
    evaluations. 1 to 14: with 0 a window would begin at a scrape, which Prometheus 2 counts and Prometheus 3 does
    not."""
    every_ns = EVERY_SECONDS * NS_PER_SECOND
    milliseconds = round(evaluation_phase * EVERY_SECONDS * 1000)  # Prometheus' clock knows no less
    since_break_ns = (stream.hit_ns - stream.broken_ns + milliseconds * 1_000_000) % every_ns
    evaluated_ns = stream.broken_ns + since_break_ns
    return Clocks(evaluated_ns, evaluated_ns + scrape_seconds * NS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Alarms:
    """When each raised its first alarm, since the stream's beginning; None: not while the service failed. `normal`: p0,
    as a run takes it from its baseline."""

    normal: float
    ours_ns: int | None
    rules_ns: dict[str, int | None]


def alarms_in(stream: Stream, clocks: Clocks) -> Alarms:
    """Ours ends with the 20 ms for which a slot waits for outcomes on their way, a rule's with its evaluation."""
    outcomes = stream.outcomes()
    steady = [one for one in outcomes if one.known_ns <= stream.broken_ns]
    normal = normal_bad_ratio_of(sum(one.bad for one in steady), len(steady))
    ours = SequentialDetector(normal_bad_ratio=normal, threshold=THRESHOLD, start_ns=stream.broken_ns)
    schedule = Schedule(clocks.evaluated_ns, clocks.scraped_ns)
    rules = [detector_after(rule, steady, stream.broken_ns, BASELINE_SECONDS, schedule) for rule in RULES.values()]
    watchers = [tuple[Watcher]((one,)) for one in (ours, *rules)]
    found = first_alarms(watchers, FailureStream(stream.broken_ns, stream.ends_ns, outcomes))
    first, *others = (instants[0] for instants in found)
    told = {name: None if one is None else one.earliest_ns for name, one in zip(RULES, others, strict=True)}
    return Alarms(normal, None if first is None else first.latest_ns, told)
