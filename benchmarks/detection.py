"""How soon a failure is noticed: one recorded stream of requests, replayed through all rules.

Claim: flowdrill's sequential detector notices a full outage within 0.6 s at 20 requests/s and more, at least a hundred
times as fast as the usual Prometheus rule, without a false alarm in a million slots of noise with bursts.

Real Locust records a healthy service once for each rate. Which of its requests fail is decided afterwards: all, 50 %,
20 %, in bursts, ever more of them (drift), none; from one instant on, for 5 minutes. So everybody sees the same
requests, and the instant is known exactly; it lies elsewhere in slots, evaluations, scrapes and polls in each round.
Times count from that instant. Side by side:

- flowdrill's detector: a run's code, p0 and threshold, until the alarm is known, 20 ms after its slot;
- the least that is possible with as few false alarms: CUSUM's mean where both ratios are known and requests are
  independent, and a bound, to first order, for who sees slots as flowdrill does (`detection_parts/optimum.py`);
- `rate(bad[1m]) / rate(all[1m]) > 5 %`, `for: 1m`, evaluated and scraped each 15 s, and the fast burn of 14.4 times
  0.1 % over 1 h and 5 m after an hour of health: Prometheus' own rule engine, by `promtool test rules`. `flowdrill
  replay` models both, and is held against it: each firing must be at the same evaluation;
- Chaos Toolkit's continuous hypothesis, one request a second; a readiness probe, one each 10 s, three failures.

The noise: 0.3 % of the requests fail alone, 0.6 % in slots of 100 ms in which all do; 1 % is normal for the detector.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from detection_parts.noise import FalseAlarms, Noise, false_alarms, noise_of, our_false_alarms
from detection_parts.optimum import cusum_seconds, slots_to_first_order
from detection_parts.polls import chaos_toolkit_ns, readiness_ns
from detection_parts.product import THRESHOLD, Alarms, alarms_in, clocks_of
from detection_parts.prometheus import PROMTOOL, Scraped, fired, promtool_version
from detection_parts.stream import SHARE, Kind, Recording, Stream, recorded, stream_of
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

from flowdrill.analysis.detector import SLOT_NS
from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds

CLAIM = Claim(
    name="detection",
    title="Time until a failure is noticed",
    against="the least possible; Prometheus with `for: 1m` and a burn rate; Chaos Toolkit; a readiness probe",
)
KINDS = {20: tuple(Kind), 100: tuple(SHARE), 500: tuple(SHARE)}  # by requests/s
SECONDS_RECORDED = 15  # a drill's baseline
NOISE_SLOTS, BURST_SLOTS = 1_000_000, 100_000
NOISE_RATES = (20, 100)
LONGER_BURSTS = (2, 3, 4, 5)  # slots
OURS, ONE_MINUTE, FAST_BURN, EACH_SECOND, READINESS = (
    "flowdrill",
    "Prometheus, for: 1m",
    "Prometheus, fast burn",
    "Chaos Toolkit, 1 s",
    "readiness, 3 x 10 s",
)
NOTES = (
    "A failing request is answered as fast as a good one. Where a service hangs instead, each request is bad once the "
    "latency objective has passed: that is added to every rule's time, but not to that of probes with shorter limits.",
    "CUSUM's optimum is a mean, for independent requests and known ratios. flowdrill's guarantee holds whatever the "
    "requests of one slot of 100 ms have in common: so an outage takes it about four slots at each rate, and that "
    "is what lies between the two at high rates. Bursts and drift have no one ratio, and no such optimum.",
    "A check each second notices an outage about as soon, but on one request's evidence: each single bad answer is one "
    "(see the noise), and a partial failure is noticed by luck.",
    "`not in time`: the share of rounds in which it was not noticed within the 5 minutes; then no time is told.",
)


@dataclass(frozen=True, slots=True)
class Round:
    """When each noticed a stream's failure, in seconds since it began; None: not within it."""

    seconds: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Watched:
    """A stream with its clocks, and what flowdrill says of it."""

    rate: int
    kind: Kind
    scraped: Scraped
    alarms: Alarms
    polls: dict[str, int | None]

    @property
    def stream(self) -> Stream:
        return self.scraped.stream


def measured(options: argparse.Namespace) -> Found:
    say("record healthy streams")
    recordings = recorded((20,), 2) if options.smoke else recorded(tuple(KINDS), SECONDS_RECORDED)
    with ProcessPoolExecutor(2) as pool:  # nothing is timed here
        say("replay, and noise beside it")
        noise = noise_begun(pool, *((20_000, 5_000) if options.smoke else (NOISE_SLOTS, BURST_SLOTS)))
        watched = [one for recording in recordings for one in watched_in(recording, options.rounds)]
        prometheus = fired_in_prometheus(watched)
        of_failures = [
            measure
            for recording in recordings
            for kind in KINDS[recording.requests_per_second]
            for measure in of_kind(recording.requests_per_second, kind, watched, prometheus)
        ]
        of_noise = [measure for rows in noise for measure in rows()]
    missing = "promtool: no such program on PATH (Debian's package prometheus): its rules were not evaluated"
    return Found(
        measures=(*of_failures, *of_noise),
        skipped=() if PROMTOOL else (missing,),
        notes=NOTES,
        versions=(("promtool", promtool_version()),) if PROMTOOL else (),
    )


# --- failures


def watched_in(recording: Recording, rounds: int) -> Iterator[Watched]:
    """In each round the failure begins elsewhere in slots, evaluations, scrapes and polls: evenly, each in its own
    order."""
    for kind in KINDS[recording.requests_per_second]:
        chance = np.random.default_rng((CLAIM.seed, recording.requests_per_second, tuple(Kind).index(kind)))
        slot, evaluation, check, probe = ((chance.permutation(rounds) + 0.5) / rounds for _ in range(4))
        scrapes = chance.permutation(rounds) % 14 + 1
        for at in range(rounds):
            stream = stream_of(recording, kind, chance, float(slot[at]))
            clocks = clocks_of(stream, float(evaluation[at]), int(scrapes[at]))
            polls = {
                EACH_SECOND: chaos_toolkit_ns(stream, float(check[at])),
                READINESS: readiness_ns(stream, float(probe[at])),
            }
            alarms = alarms_in(stream, clocks)
            yield Watched(recording.requests_per_second, kind, Scraped(stream, clocks), alarms, polls)


def fired_in_prometheus(watched: Sequence[Watched]) -> list[dict[str, int | None]] | None:
    """When its rules fired in each stream, which must be when `flowdrill replay` says so. None without promtool."""
    if PROMTOOL is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        found = fired([one.scraped for one in watched], Path(folder))
    for one, really in zip(watched, found, strict=True):
        modelled = one.alarms.rules_ns
        assert really == modelled, f"{one.rate}/s, {one.kind}: Prometheus fires at {really}, our model at {modelled}"
    return found


def of_kind(
    rate: int, kind: Kind, watched: Sequence[Watched], prometheus: list[dict[str, int | None]] | None
) -> list[Measure]:
    """A case's rows. At 20 requests/s everybody's: those of polls and burn rates depend little on the rate."""
    case = f"{kind}, {rate} requests/s"
    of_case = [at for at, one in enumerate(watched) if (one.rate, one.kind) == (rate, kind)]
    rounds = [times_of(watched[at], prometheus[at] if prometheus else {}) for at in of_case]
    names = [OURS, *([ONE_MINUTE] if prometheus else [])]
    if rate == min(KINDS):
        names += [*([FAST_BURN] if prometheus else []), EACH_SECOND, READINESS]
    if kind is Kind.NONE:
        return [alarms_of(case, name, rounds) for name in names]
    goals = {OURS: Goal(at_most=0.6)} if kind is Kind.FULL else {}
    rows = [times(case, name, rounds, goals.get(name)) for name in names]
    if kind in SHARE:
        normal = watched[of_case[0]].alarms.normal
        rows += against_the_least(case, rate, SHARE[kind], normal, rounds)
    if prometheus:
        rows += ratio(
            case, "Prometheus, for: 1m / flowdrill", rounds, Goal(at_least=100) if kind is Kind.FULL else None
        )
    return rows


def alarms_of(case: str, name: str, rounds: Sequence[Round]) -> Measure:
    """In how many rounds it raised one, all of which count: a median of them would be 0 with six of thirteen."""
    alarms = sum(one.seconds[name] is not None for one in rounds)
    return Measure(case, f"{name}: rounds with an alarm", "", (alarms,), Goal(at_most=0) if name == OURS else None)


def times_of(one: Watched, prometheus: dict[str, int | None]) -> Round:
    """Seconds since the failure began."""
    at_ns = {
        OURS: one.alarms.ours_ns,
        ONE_MINUTE: prometheus.get("OverAMinute"),
        FAST_BURN: prometheus.get("FastBurn"),
        **one.polls,
    }
    early = [name for name, ns in at_ns.items() if ns is not None and ns < one.stream.hit_ns]
    assert not early, f"a false alarm before the failure: {early}"
    return Round(
        {name: None if ns is None else ns_to_seconds(ns - one.stream.hit_ns) for name, ns in at_ns.items()},
    )


def times(case: str, name: str, rounds: Sequence[Round], goal: Goal | None) -> Measure:
    """How long it took, or how often it did not notice at all."""
    found = [one.seconds[name] for one in rounds]
    noticed = tuple(one for one in found if one is not None)
    if len(noticed) == len(found):
        return Measure(case, name, "s", noticed, goal)
    return Measure(case, f"{name}: not in time", "%", (100 * (1 - len(noticed) / len(found)),), goal)


def ratio(case: str, name: str, rounds: Sequence[Round], goal: Goal | None) -> list[Measure]:
    """In the rounds in which both noticed."""
    both = [(one.seconds[ONE_MINUTE], one.seconds[OURS]) for one in rounds]
    found = tuple(theirs / ours for theirs, ours in both if theirs is not None and ours is not None)
    return [Measure(case, name, "times", found, goal)] if len(found) == len(rounds) else []


def against_the_least(case: str, rate: int, share: float, normal: float, rounds: Sequence[Round]) -> list[Measure]:
    """Two limits, and how many times the first one ours takes."""
    least = cusum_seconds(normal, share, THRESHOLD * ns_to_seconds(SLOT_NS), rate)
    requests = rate * SLOT_NS // NS_PER_SECOND
    in_slots = slots_to_first_order(normal, share, requests, THRESHOLD) * ns_to_seconds(SLOT_NS)
    ours = tuple(one.seconds[OURS] for one in rounds)
    assert all(one is not None for one in ours), "ours did not notice"
    return [
        Measure(case, "CUSUM's optimum, requests independent", "s", (least,)),
        Measure(case, "bound for slots, to first order", "s", (in_slots,)),
        Measure(case, "flowdrill / CUSUM's optimum", "times", tuple((one or 0.0) / least for one in ours)),
        Measure(case, "flowdrill / bound for slots", "times", tuple((one or 0.0) / in_slots for one in ours)),
    ]


# --- noise


def noise_begun(pool: Executor, slots: int, burst_slots: int) -> list[Callable[[], list[Measure]]]:
    """Bursts of one slot, for which the guarantee holds; then, beyond it, longer ones: as much noise, but what is bad
    in one slot is bad in the next. Each returned callable waits for its rows."""
    found: list[Callable[[], list[Measure]]] = []
    for rate in NOISE_RATES:
        alarms = pool.submit(false_alarms, noise_of(slots, rate // 10, 1, CLAIM.seed))
        found.append(lambda rate=rate, alarms=alarms: noise_rows(rate, slots, alarms.result()))
    for burst in LONGER_BURSTS:
        noise = noise_of(burst_slots, min(NOISE_RATES) // 10, burst, CLAIM.seed)
        ours = pool.submit(our_false_alarms, noise)
        found.append(lambda burst=burst, noise=noise, ours=ours: [alarms_a_burst(burst, noise, ours.result())])
    return found


def noise_rows(rate: int, slots: int, found: FalseAlarms) -> list[Measure]:
    case = f"noise in bursts of 0.1 s, {rate} requests/s, {slots:,} slots"
    return [
        Measure(case, f"{OURS}: false alarms", "", (found.ours,), Goal(at_most=0)),
        Measure(case, f"{ONE_MINUTE}: false alarms", "", (found.rules["OverAMinute"],)),
        Measure(case, f"{FAST_BURN}: false alarms", "", (found.rules["FastBurn"],)),
        Measure(case, f"{EACH_SECOND}: checks that failed", "", (found.checks,)),
        Measure(case, f"{READINESS}: false alarms", "", (found.readiness,)),
    ]


def alarms_a_burst(slots: int, noise: Noise, alarms: int) -> Measure:
    case = f"longer bursts, {min(NOISE_RATES)} requests/s: beyond the guarantee"
    return Measure(case, f"{OURS}: alarms by bursts of {slots / 10:g} s", "%", (100 * alarms / max(1, noise.bursts),))


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=13))
