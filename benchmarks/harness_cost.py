"""What the harness itself costs while a drill's load runs, and how fresh the outcomes are that it decides on.

Real Locust sends 50 requests/s to a small server on loopback; this process does what `flowdrill run` does with the
records: read the pipe, write outcomes.bin, keep the book of requests, feed the detector. Goals: at most 10 % of one
core and 150 MB, outcomes within 5 ms (99th percentile).

    python benchmarks/harness_cost.py [--rounds 3] [--smoke]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flow_load.recorded_load import load_of, plan_of
from flow_load.service import FlowService
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

import flowdrill.drilling.wiring  # noqa: F401  (a real run has everything loaded, Kubernetes' client too)
from flowdrill.analysis.detector import SequentialDetector, threshold_for
from flowdrill.analysis.percentile import percentile
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.engine.facts import Fact, RecordsArrived
from flowdrill.engine.lookout import Lookout
from flowdrill.model.detect_plan import Trigger
from flowdrill.model.outcome import RecordKind
from flowdrill.model.scenario import Detector

CLAIM = Claim("harness_cost", "What the harness costs during a drill", "its limits")
RATE, SECONDS = 50.0, 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement."""

    requests: int
    good: int
    cpu_percent_of_one_core: float
    rss_megabytes: float
    finished_to_arrived_p50_ms: float
    finished_to_arrived_p99_ms: float
    finished_to_engine_p50_ms: float
    finished_to_engine_p99_ms: float
    schedule_lag_p99_ms: float


class TimedInbox(QueueInbox):
    """Remembers when the engine took each fact."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[int, RecordsArrived]] = []

    def next(self, deadline_ns: int) -> Fact | None:
        fact = super().next(deadline_ns)
        if isinstance(fact, RecordsArrived):
            self.taken.append((time.monotonic_ns(), fact))
        return fact


def measured_cost(url: str, rate: float, seconds: float, folder: Path) -> Cost:
    clock, inbox = MonotonicClock(), TimedInbox()
    plan = plan_of(url, rate)
    load = load_of(plan, folder)
    lookout = Lookout(clock, inbox, lambda _event: None, plan, Trigger((Detector.SEQUENTIAL,), "any"))
    load.start(inbox.tell)
    try:
        detector = SequentialDetector(normal_bad_ratio=0.01, threshold=threshold_for(600), start_ns=clock.now_ns())
        lookout.watch_for_failure(
            {Detector.SEQUENTIAL: detector},
            broken_image="none",
            owns=lambda _: True,
        )
        cpu_before, started = time.process_time(), time.monotonic()
        lookout.wait(lambda _now: None, seconds)
        cpu, elapsed = time.process_time() - cpu_before, time.monotonic() - started
    finally:
        load.stop()
    finished = [(at, f.arrived_ns, r) for at, f in inbox.taken for r in f.records if r.kind is RecordKind.FINISHED]
    sent = [r for _, f in inbox.taken for r in f.records if r.kind is RecordKind.SENT]
    to_arrived = [arrived - r.finished_ns for _, arrived, r in finished]
    to_engine = [at - r.finished_ns for at, _, r in finished]
    lag = [r.sent_ns - r.intended_ns for r in sent]
    return Cost(
        requests=len(sent),
        good=sum(not outcome.bad for outcome in lookout.outcomes),
        cpu_percent_of_one_core=100 * cpu / elapsed,
        rss_megabytes=resident_bytes() / 1e6,
        finished_to_arrived_p50_ms=milliseconds(to_arrived, 0.50),
        finished_to_arrived_p99_ms=milliseconds(to_arrived, 0.99),
        finished_to_engine_p50_ms=milliseconds(to_engine, 0.50),
        finished_to_engine_p99_ms=milliseconds(to_engine, 0.99),
        schedule_lag_p99_ms=milliseconds(lag, 0.99),
    )


def milliseconds(spans_ns: list[int], share: float) -> float:
    return (percentile(sorted(spans_ns), share) or 0) / 1e6


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measured(options: argparse.Namespace) -> Found:
    costs = []
    for number in range(options.rounds):
        say(f"round {number + 1}")
        costs.append(one_round(3.0 if options.smoke else SECONDS))
    assert all(one.requests > 0 and one.good > 0 for one in costs)

    def told(name: str, unit: str, value: Callable[[Cost], float], at_most: float | None = None) -> Measure:
        goal = None if at_most is None else Goal(at_most=at_most)
        return Measure(f"{RATE:g} requests/s", name, unit, tuple(value(one) for one in costs), goal)

    return Found(
        (
            told("of one core", "%", lambda one: one.cpu_percent_of_one_core, 10),
            told("memory of the process", "MB", lambda one: one.rss_megabytes, 150),
            told("answer to record here, p50", "ms", lambda one: one.finished_to_arrived_p50_ms),
            told("answer to record here, p99", "ms", lambda one: one.finished_to_arrived_p99_ms, 5),
            told("answer to engine, p50", "ms", lambda one: one.finished_to_engine_p50_ms),
            told("answer to engine, p99", "ms", lambda one: one.finished_to_engine_p99_ms),
            told("sent after its instant, p99", "ms", lambda one: one.schedule_lag_p99_ms),
        ),
        versions=(("Locust", version("locust")),),
    )


def one_round(seconds: float) -> Cost:
    with FlowService() as service, tempfile.TemporaryDirectory() as folder:
        return measured_cost(service.url, RATE, seconds, Path(folder))


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=3))
