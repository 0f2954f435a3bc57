"""A healthy service whose few bad answers come in bursts: who calls that a failure?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection_parts.polls import noticed_ns
from detection_parts.product import RULES, THRESHOLD
from flowdrill.analysis.detector import LEAST_NORMAL_BAD_RATIO, PIPE_GRACE_NS, SLOT_NS, SequentialDetector
from flowdrill.analysis.replay_false_alarms import RestartedDetector
from flowdrill.analysis.threshold_rules import Schedule, ThresholdDetector, before_of
from flowdrill.model.outcome import Outcome, Reason

ALONE, IN_BURSTS = 0.003, 0.006  # the share of requests that are bad by themselves, and in bursts
_SLOTS_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class Noise:
    """How many requests of each slot are bad. In a burst all of `burst_slots` slots are."""

    requests_a_slot: int
    bad: NDArray[np.int64]
    bursts: int


def noise_of(slots: int, requests_a_slot: int, burst_slots: int, seed: int) -> Noise:
    """`ALONE` and `IN_BURSTS` of the requests in the mean, whatever the bursts' length: 0.9 %. What a slot is, does not
    depend on those before it where bursts take one slot: then the detector's guarantee holds."""
    chance = np.random.default_rng(seed)
    begins = chance.random(slots) < IN_BURSTS / burst_slots
    in_burst = np.convolve(begins, np.ones(burst_slots))[:slots] > 0
    bad = np.where(in_burst, requests_a_slot, chance.binomial(requests_a_slot, ALONE, slots))
    return Noise(requests_a_slot, bad, int(np.count_nonzero(begins)))


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often each said that the service fails. `checks`: of one a second, those that failed."""

    ours: int
    rules: dict[str, int]
    checks: int
    readiness: int


def our_false_alarms(noise: Noise) -> int:
    """flowdrill's own detector, for which 1 % is normal, and the mean of this noise is less."""
    watch = RestartedDetector(
        lambda at_ns: SequentialDetector(normal_bad_ratio=LEAST_NORMAL_BAD_RATIO, threshold=THRESHOLD, start_ns=at_ns),
        0,
    )
    found = 0
    for slot, bad in enumerate(noise.bad.tolist()):
        for outcome in _outcomes(slot, bad, noise.requests_a_slot):
            watch.take(outcome)
        found += watch.advance((slot + 1) * SLOT_NS + PIPE_GRACE_NS) is not None
    return found


def false_alarms(noise: Noise) -> FalseAlarms:
    """Everybody's."""
    until_ns = len(noise.bad) * SLOT_NS
    chance = np.random.default_rng(noise.bursts)
    fails = chance.random(len(noise.bad)) < noise.bad / noise.requests_a_slot  # one more request in each slot

    def fails_at(at_ns: int) -> bool:
        return bool(fails[at_ns // SLOT_NS])

    readiness, since_ns = 0, 0
    while (at_ns := noticed_ns(fails_at, since_ns, 10, until_ns - 1, 3)) is not None:
        readiness, since_ns = readiness + 1, at_ns + 10 * _SLOTS_A_SECOND * SLOT_NS
    return FalseAlarms(
        our_false_alarms(noise), _rules_false_alarms(noise), int(fails[::_SLOTS_A_SECOND].sum()), readiness
    )


def _rules_false_alarms(noise: Noise) -> dict[str, int]:
    """By `replay`'s model of Prometheus. An hour of the noise goes before."""
    hour = min(len(noise.bad), 3600 * _SLOTS_A_SECOND)
    outcomes = [
        one for slot, bad in enumerate(noise.bad.tolist()) for one in _outcomes(slot, bad, noise.requests_a_slot)
    ]
    found = {}
    for name, rule in RULES.items():
        like = before_of(rule, outcomes, 0, hour * SLOT_NS)
        before = type(like)(0, like.requests_per_second, like.bad_ratio)
        watch = ThresholdDetector(rule, Schedule(0, SLOT_NS * _SLOTS_A_SECOND), before, again=True)
        for outcome in outcomes:
            watch.take(outcome)
        found[name] = 0
        while watch.advance(len(noise.bad) * SLOT_NS + PIPE_GRACE_NS) is not None:
            found[name] += 1
    return found


def _outcomes(slot: int, bad: int, requests: int) -> list[Outcome]:
    """A slot's good and bad requests, as one outcome each: the detector counts `requests`, and nothing else."""
    at_ns = slot * SLOT_NS + SLOT_NS // 2
    found = [Outcome(slot, at_ns, at_ns, at_ns, Reason.GOOD, 200, requests - bad)] if bad < requests else []
    return [*found, Outcome(slot, at_ns, at_ns, at_ns, Reason.HTTP_STATUS, 500, bad)] if bad else found
