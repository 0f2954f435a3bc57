"""How often a rule would fire where nothing is broken: in the baseline as recorded, and in many baselines like it.

The estimate is a block bootstrap: stretches of the baseline, drawn at random with what their outcomes have in common,
are put one behind the other for a long time. It knows no more than the baseline showed: what happens once a day is not
in fifteen seconds.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from flowdrill.analysis.detector import PIPE_GRACE_NS, SLOT_NS, Alarm, SequentialDetector
from flowdrill.analysis.replay_candidates import Candidate, Normal, Watcher, sequential_detector
from flowdrill.analysis.threshold_rules import Schedule, ThresholdDetector, before_of, breaches
from flowdrill.model.events import BaselineHeld
from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds, seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.replay import FalseAlarms
from flowdrill.model.rule import SequentialRule

SEED = 1
_MOST_REQUESTS = 250_000  # that are simulated, where nobody says for how long
_LONGEST_BLOCK_SECONDS = 5.0
_BLOCKS_IN_BASELINE = 3
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Steady:
    """The baseline's outcomes, one at least, in the order in which they became known in (from, until]."""

    from_ns: int
    until_ns: int
    outcomes: Sequence[Outcome]

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return ns_to_seconds(self.until_ns - self.from_ns)

    @property
    def block_seconds(self) -> float:
        """How long the stretches are that are drawn from it."""
        return min(_LONGEST_BLOCK_SECONDS, self.seconds / _BLOCKS_IN_BASELINE)

    @property
    def cheap_seconds(self) -> float:
        """For how long it is simulated where nobody says so: a day, or a quarter of a million requests."""
        return min(DAY_SECONDS, _MOST_REQUESTS * self.seconds / len(self.outcomes))


def steady_of(baseline: BaselineHeld, known: Sequence[Outcome]) -> Steady:
    """Return the outcomes of the baseline's window."""
    from_ns, until_ns = baseline.window.earliest_ns, baseline.window.latest_ns
    return Steady(from_ns, until_ns, [one for one in known if from_ns < one.known_ns <= until_ns])


def false_alarms(
    candidates: Sequence[Candidate], normal: Normal, steady: Steady, wanted_seconds: float | None
) -> list[FalseAlarms]:
    """Return what each rule would cost, over `wanted_seconds` (None: what is cheap). A baseline without a single bad
    (or slow) request cannot make any rule fire, however it is put together: then a day is as cheap as a second."""
    could_fire = [one for one in candidates if any(_speaks_for(one, outcome) for outcome in steady.outcomes)]
    simulated_seconds = wanted_seconds or steady.cheap_seconds
    recorded = _counted(could_fire, normal, steady, steady.from_ns, iter([(steady.until_ns, steady.outcomes)]))
    start_ns, length_ns = steady.until_ns, seconds_to_ns(simulated_seconds)
    blocks = drawn_blocks(steady, start_ns, length_ns, random.Random(SEED))  # noqa: S311 - a simulation
    simulated = _counted(could_fire, normal, steady, start_ns, blocks)
    found = dict(zip(could_fire, zip(recorded, simulated, strict=True), strict=True))
    return [
        _costs(one, normal, *found[one], simulated_seconds)
        if one in found
        else _costs(one, normal, _Count(), _Count(), wanted_seconds or DAY_SECONDS)
        for one in candidates
    ]


@dataclass(slots=True)
class _Count:
    """Alarms, and at the ends of how many blocks a rule was firing."""

    alarms: int = 0
    blocks: int = 0
    firing: int = 0


def _costs(
    candidate: Candidate, normal: Normal, recorded: _Count, simulated: _Count, simulated_seconds: float
) -> FalseAlarms:
    sequential = isinstance(candidate.rule, SequentialRule)
    slots_a_day = DAY_SECONDS * NS_PER_SECOND / SLOT_NS
    return FalseAlarms(
        on_baseline=recorded.alarms,
        simulated=simulated.alarms,
        simulated_seconds=simulated_seconds,
        per_day=max(simulated.alarms, 1) * DAY_SECONDS / simulated_seconds,
        none_seen=simulated.alarms == 0,
        firing_ratio=None if sequential else simulated.firing / max(simulated.blocks, 1),
        guaranteed_per_day=slots_a_day / normal.threshold if sequential else None,
    )


def drawn_blocks(
    steady: Steady, start_ns: int, length_ns: int, rng: random.Random
) -> Iterator[tuple[int, list[Outcome]]]:
    """Yield the end of each block and its outcomes, up to `length_ns` after `start_ns`, where the last one is cut off.
    A block that runs over the end of the baseline goes on at its beginning, so that all are drawn equally often."""
    window_ns, block_ns = steady.until_ns - steady.from_ns, max(1, seconds_to_ns(steady.block_seconds))
    offsets = [one.known_ns - steady.from_ns for one in steady.outcomes]
    for block_start_ns in range(start_ns, start_ns + length_ns, block_ns):
        drawn_ns = rng.randrange(window_ns)
        wrapped_ns = max(0, drawn_ns + block_ns - window_ns)
        first, last = bisect_left(offsets, drawn_ns + 1), bisect_left(offsets, drawn_ns + block_ns + 1)
        shift_ns = block_start_ns - steady.from_ns - drawn_ns
        block = [_shifted(one, shift_ns) for one in steady.outcomes[first:last]]
        if wrapped_ns:
            rest = steady.outcomes[: bisect_left(offsets, wrapped_ns + 1)]
            block += [_shifted(one, shift_ns + window_ns) for one in rest]
        end_ns = min(block_start_ns + block_ns, start_ns + length_ns)
        yield end_ns, [one for one in block if one.known_ns <= end_ns]


def _shifted(one: Outcome, by_ns: int) -> Outcome:
    return Outcome(
        one.sequence, one.intended_ns + by_ns, one.sent_ns + by_ns, one.known_ns + by_ns, one.reason, one.http_status
    )


def _speaks_for(candidate: Candidate, outcome: Outcome) -> bool:
    return outcome.bad if isinstance(candidate.rule, SequentialRule) else breaches(candidate.rule, outcome)


def _again(candidate: Candidate, normal: Normal, steady: Steady, start_ns: int) -> Watcher:
    """A detector that raises alarm after alarm, on a service that was as in the baseline before."""
    if isinstance(candidate.rule, SequentialRule):
        return RestartedDetector(lambda at_ns: sequential_detector(normal, at_ns), start_ns)
    like = before_of(candidate.rule, steady.outcomes, steady.from_ns, steady.until_ns)
    before = type(like)(start_ns, like.requests_per_second, like.bad_ratio)
    return ThresholdDetector(candidate.rule, Schedule(start_ns, start_ns), before, again=True)


def _counted(
    candidates: Sequence[Candidate],
    normal: Normal,
    steady: Steady,
    start_ns: int,
    blocks: Iterator[tuple[int, Sequence[Outcome]]],
) -> list[_Count]:
    """Count over all blocks, each drawn once for all rules; none is drawn where there is no rule."""
    watched = [(_again(one, normal, steady, start_ns), _Count()) for one in candidates]
    for end_ns, block in blocks if watched else ():
        for watch, count in watched:
            for outcome in block:
                watch.take(outcome)
            while watch.advance(end_ns + PIPE_GRACE_NS) is not None:
                count.alarms += 1
            count.blocks += 1
            count.firing += isinstance(watch, ThresholdDetector) and watch.firing
    return [count for _, count in watched]


class RestartedDetector:
    """The sequential detector, started anew at each alarm: it raises only one."""

    def __init__(self, start: Callable[[int], SequentialDetector], start_ns: int) -> None:
        self._start = start
        self._detector = start(start_ns)
        self._taken: list[Outcome] = []

    def take(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self._taken.append(outcome)
        self._detector.take(outcome)

    def advance(self, now_ns: int) -> Alarm | None:
        """Return the next alarm that what is known at `now_ns` raises. Outcomes known by then are taken no more."""
        alarm = self._detector.advance(now_ns)
        if alarm is None:
            self._taken.clear()
            return None
        self._detector = self._start(alarm.slot_end_ns)
        for outcome in self._taken:  # those from before its start are no evidence to it
            self._detector.take(outcome)
        return alarm
