"""The sequential test: its arithmetic, its false alarms and its power, by seeded simulation."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest

from flowdrill.analysis.detector import (
    PIPE_GRACE_NS,
    SLOT_NS,
    Alarm,
    SequentialDetector,
    normal_bad_ratio_of,
    threshold_for,
)
from flowdrill.model.outcome import Outcome, Reason

P0 = 0.02
Stream = Callable[[random.Random, int], list[bool]]  # (seeded, slot) -> the fates of the requests known in the slot


def outcome(known_ns: int, bad: bool) -> Outcome:
    return Outcome(0, known_ns, known_ns, known_ns, Reason.HTTP_STATUS if bad else Reason.GOOD, None)


def detector(threshold: float = 1e6, normal: float = P0, start_ns: int = 0) -> SequentialDetector:
    return SequentialDetector(normal_bad_ratio=normal, threshold=threshold, start_ns=start_ns)


def slots_until_alarm(test: SequentialDetector, fates: Iterator[list[bool]]) -> int | None:
    """Feed slot after slot; return how many had ended when the alarm came, or None."""
    for slot, slot_fates in enumerate(fates):
        for number, bad in enumerate(slot_fates):
            test.take(outcome(slot * SLOT_NS + (number * SLOT_NS) // len(slot_fates), bad))
        if test.advance((slot + 1) * SLOT_NS + PIPE_GRACE_NS):
            return slot + 1
    return None


# --- what it computes


def test_the_statistic_is_the_mean_over_all_alternatives() -> None:
    test = detector()
    for slot, fates in enumerate([[True, False], [], [False]]):
        for bad in fates:
            test.take(outcome(slot * SLOT_NS, bad))
    test.advance(10 * SLOT_NS)
    sums = []
    for q in (0.1, 0.2, 0.4, 0.6, 0.8, 0.95):
        slope = (q - P0) / (P0 * (1 - P0))
        first = (0 + 1) * (1 + slope * (0.5 - P0))
        sums.append((first + 1) * (1 + slope * (0 - P0)))
    assert test.statistic == pytest.approx(math.fsum(sums) / 6, rel=1e-12)


def test_the_alarm_tells_what_it_rests_on_and_comes_once() -> None:
    test = detector(threshold=500, start_ns=7)
    for slot in range(6):
        test.take(outcome(7 + slot * SLOT_NS + 5, bad=True))
    alarm = test.advance(7 + 10 * SLOT_NS)
    assert alarm is not None
    assert alarm == Alarm(7 + SLOT_NS + 5, alarm.statistic, 500, 7 + 2 * SLOT_NS)
    assert alarm.statistic >= 500
    assert test.advance(7 + 20 * SLOT_NS) is None


def test_a_slot_stays_open_for_outcomes_that_are_still_in_the_pipe() -> None:
    test = detector()
    test.take(outcome(SLOT_NS - 1, bad=True))
    test.advance(SLOT_NS + PIPE_GRACE_NS - 1)
    assert test.statistic == 0
    test.advance(SLOT_NS + PIPE_GRACE_NS)
    assert test.statistic > 0


def test_a_late_outcome_counts_in_the_slot_that_is_open() -> None:
    late, in_time = detector(), detector()
    late.advance(2 * SLOT_NS + PIPE_GRACE_NS)
    late.take(outcome(0, bad=True))
    in_time.take(outcome(2 * SLOT_NS, bad=True))
    for test in (late, in_time):
        test.advance(3 * SLOT_NS + PIPE_GRACE_NS)
    assert late.statistic == in_time.statistic > 0


def test_what_was_known_before_the_start_is_no_evidence() -> None:
    test = detector(start_ns=1_000)
    test.take(outcome(999, bad=True))
    test.advance(10 * SLOT_NS)
    assert test.statistic == 0


def test_it_stays_finite_over_an_hour_of_failure() -> None:
    test = detector(threshold=math.inf)
    assert slots_until_alarm(test, ([True] for _ in range(36_000))) is None
    assert math.isfinite(test.statistic)


def test_alternatives_below_the_normal_ratio_are_no_bets_on_health() -> None:
    test = detector(normal=0.3, threshold=1e6)
    assert slots_until_alarm(test, ([False] * 5 for _ in range(3_000))) is None
    assert test.statistic < 10


@pytest.mark.parametrize("normal", [0.0, 0.95, 1.0])
def test_a_normal_ratio_without_an_alternative_is_refused(normal: float) -> None:
    with pytest.raises(ValueError, match="normal_bad_ratio"):
        detector(normal=normal)


def test_the_threshold_is_the_slots_of_the_run_over_the_probability() -> None:
    assert threshold_for(180) == pytest.approx(1_800_000)
    assert threshold_for(0.25, 0.01) == pytest.approx(300)


@pytest.mark.parametrize(("bad", "finished", "ratio"), [(0, 10_000, 0.01), (0, 300, 0.015233), (0, 0, 1.0)])
def test_the_normal_ratio_is_an_upper_bound_and_at_least_one_percent(bad: int, finished: int, ratio: float) -> None:
    assert normal_bad_ratio_of(bad, finished) == pytest.approx(ratio, abs=1e-6)


# --- false alarms: over many runs of a healthy service, the fraction with an alarm is at most n / A


def steady(rng: random.Random, _: int) -> list[bool]:
    return [rng.random() < P0 for _ in range(2)]


def drifting(rng: random.Random, slot: int) -> list[bool]:
    ratio = P0 * (0.5 + 0.5 * math.sin(slot / 15))
    return [rng.random() < ratio for _ in range(5)]


def bursts(rng: random.Random, _: int) -> list[bool]:
    return [rng.random() < P0] * 10  # a whole slot fails together


def moody(rng: random.Random, slot: int) -> list[bool]:
    whole_slot_is_bad = rng.random() < P0 / 2
    return [whole_slot_is_bad or rng.random() < P0 / 2 for _ in range(rng.randrange(1, 9))]


def sparse(rng: random.Random, _: int) -> list[bool]:
    return [rng.random() < P0] if rng.random() < 0.3 else []


@pytest.mark.parametrize("healthy", [steady, drifting, bursts, moody, sparse])
@pytest.mark.parametrize(("threshold", "slots"), [(500, 100), (2_000, 200)])
def test_false_alarms_are_as_rare_as_promised(healthy: Stream, threshold: float, slots: int) -> None:
    runs, bound = 1_000, slots / threshold
    rng = random.Random(20)
    alarms = sum(
        slots_until_alarm(detector(threshold), (healthy(rng, slot) for slot in range(slots))) is not None
        for _ in range(runs)
    )
    margin = 3 * math.sqrt(bound * (1 - bound) / runs)  # so a true rate at the bound fails here once in 700 times
    assert alarms / runs <= bound + margin


def test_a_detector_without_the_guarantee_would_not_pass() -> None:
    """The simulation can tell: taken as if requests in a slot were independent, bursts ring far too often."""
    runs, slots, threshold = 300, 100, 500.0
    rng = random.Random(20)
    alarms = 0
    for _ in range(runs):
        fates = ([bad] for slot in range(slots) for bad in bursts(rng, slot))  # every request a slot of its own
        alarms += slots_until_alarm(detector(threshold * 10), fates) is not None
    assert alarms / runs > 2 * slots / threshold


# --- power: against a CUSUM of the same slots, with the same threshold, that knows the failing ratio


def cusum_slots(q: float, normal: float, threshold: float, fates: Iterator[list[bool]]) -> int:
    slope = (q - normal) / (normal * (1 - normal))
    total = 0.0
    for slot, slot_fates in enumerate(fates):
        if slot_fates:
            total = max(total, 1.0) * (1 + slope * (sum(slot_fates) / len(slot_fates) - normal))
        if total >= threshold:
            return slot + 1
    raise AssertionError("the CUSUM saw nothing")


@pytest.mark.parametrize("requests_per_slot", [2, 10])  # 20 and 100 requests a second
@pytest.mark.parametrize("q", [0.2, 0.5, 1.0])
def test_a_failure_is_noticed_nearly_as_fast_as_if_its_ratio_were_known(q: float, requests_per_slot: int) -> None:
    runs, threshold = 300, threshold_for(480)
    normal = normal_bad_ratio_of(0, 150 * requests_per_slot)  # a clean baseline of 15 s
    rng = random.Random(21)
    ours = theirs = 0
    for _ in range(runs):
        healthy = [[rng.random() < normal / 3 for _ in range(requests_per_slot)] for _ in range(30)]
        failing = [[rng.random() < q for _ in range(requests_per_slot)] for _ in range(400)]
        stream = healthy + failing
        ours += (slots_until_alarm(detector(threshold, normal), iter(stream)) or len(stream)) - len(healthy)
        theirs += cusum_slots(q, normal, threshold, iter(stream)) - len(healthy)
    one_request = runs / requests_per_slot  # in slots
    assert ours <= max(1.3 * theirs, theirs + one_request)
