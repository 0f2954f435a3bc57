"""What 100,000,000 outcomes cost the harness when workers tell of them in bins.

Twenty simulated workers send reports for 1000 s of stream time, ten a second each, as a Locust master would write them:
into a pipe, by a process of its own. An outage lasts a tenth of the run: all requests fail, or every other one. The
harness's side is what is measured, in a process of its own:

- live: what `FrameLoad`, the lookout and its detector do: read, check, keep in `outcomes.bins`, merge, find a failure;
- report: what `flowdrill report` makes of the file: outcomes, the failure's edges, counts, latencies.

It is done twice, with a tenth of the requests, too: the time and the memory must not follow. Goals: at most 60 s of
processor for both together, and 1.25 times the memory.

    python benchmarks/outcome_bins.py [--rounds 1] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from proof.measure import Claim, Found, Goal, Measure
from proof.processes import peak_megabytes
from proof.program import run_claim, say

from flowdrill.analysis.bin_stream import BinStream
from flowdrill.analysis.binned_latency import binned_lag_p99_ns, percentile_in
from flowdrill.analysis.binned_run import binned_run
from flowdrill.analysis.detector import SequentialDetector, threshold_for
from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outcome_columns import outcomes_in
from flowdrill.edges.runfolder.bins_file import read_bins
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.latency_buckets import bucket_of
from flowdrill.model.load_frames import (
    BINS_HEADER,
    NO_SHARE,
    ClockTold,
    FrameReader,
    Hello,
    MasterEnded,
    ReportCame,
    WorkerNews,
    WorkerTold,
    pack_frame,
)
from flowdrill.model.outcome import Reason
from flowdrill.model.outcome_bins import BIN_NS, BINNED_SLOT_NS, BINS_PER_SLOT, Bin, WorkerReport

CLAIM = Claim("outcome_bins", "Outcomes of many workers, in bins", "its limits")
WORKERS, REQUESTS, SLOTS = 20, 100_000_000, 10_000
OBJECTIVE_NS = 2 * NS_PER_SECOND
CPU_GOAL, MEMORY_GOAL = Goal(at_most=60.0), Goal(at_most=1.25)


@dataclass(frozen=True)
class Cost:
    """Of the harness's side alone."""

    requests: int
    slots: int
    live_cpu_seconds: float
    report_cpu_seconds: float
    peak_megabytes: float
    above_modules_megabytes: float
    file_megabytes: float


def write_stream(requests: int, slots: int) -> None:
    """Write the frames to standard output."""
    out, rng = sys.stdout.buffer, random.Random(CLAIM.seed)
    each = requests // (slots * BINS_PER_SLOT * WORKERS)
    out.write(pack_frame(Hello(0, WORKERS, requests / (slots * BINNED_SLOT_NS / 1e9), OBJECTIVE_NS)))
    for worker in range(1, WORKERS + 1):
        out.write(pack_frame(WorkerTold(worker, NO_SHARE, 0, WorkerNews.JOINED, f"worker-{worker}")))
        out.write(pack_frame(ClockTold(worker, 0, 0, -400_000, 600_000)))
        out.write(pack_frame(WorkerTold(worker, worker - 1, 0, WorkerNews.TOOK_SHARE)))
    latencies = [bucket_of(rng.randrange(5_000_000, 60_000_000)) for _ in range(40)]
    for slot in range(slots):
        for worker in range(1, WORKERS + 1):
            report = WorkerReport(
                slot,
                (slot + 1) * BINNED_SLOT_NS,
                0,
                each * BINS_PER_SLOT * (slot + 1),
                0,
                tuple(bins_of(slot, slots, each, rng)),
                tuple((slot, bucket, each // 2) for bucket in latencies),
                ((slot, each * BINS_PER_SLOT),),
                tuple((bucket, each * BINS_PER_SLOT // 4) for bucket in latencies[:4]),
            )
            out.write(pack_frame(ReportCame(worker, report.pack())))
            if slot % 10 == 0:
                out.write(pack_frame(ClockTold(worker, slot * BINNED_SLOT_NS, 0, -500_000, 500_000)))
    out.write(pack_frame(MasterEnded()))


def bins_of(slot: int, slots: int, each: int, rng: random.Random) -> Iterator[Bin]:
    """The bins of one worker's slot."""
    outage = slots * 4 // 10 <= slot < slots * 5 // 10
    for number in range(slot * BINS_PER_SLOT, (slot + 1) * BINS_PER_SLOT):
        start_ns, age_ns = number * BIN_NS, rng.randrange(5_000_000, 60_000_000)
        last_ns = start_ns + rng.randrange(BIN_NS // 2, BIN_NS)
        bad = each if outage and slot % 4 == 0 else each // 2 if outage else 0
        for reason, count in ((Reason.GOOD, each - bad), (Reason.HTTP_STATUS, bad)):
            if count:
                yield Bin(number, reason, count, last_ns - age_ns, last_ns, start_ns + 1 - 2 * age_ns, start_ns + 1)


def harness_side(requests: int, slots: int) -> Cost:
    """Read a stream as the harness does; in a process of its own."""
    loaded_megabytes = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.bins"
        before = time.process_time()
        live(requests, slots, path)
        between = time.process_time()
        report(requests, path)
        after = time.process_time()
        size = path.stat().st_size
    peak = peak_megabytes()
    return Cost(
        requests,
        slots,
        round(between - before, 2),
        round(after - between, 2),
        round(peak, 1),
        round(peak - loaded_megabytes, 1),
        round(size / 1e6, 1),
    )


def live(requests: int, slots: int, path: Path) -> None:
    """What is done while a drill runs; stream time is taken for the harness's clock."""
    stream, reader = BinStream(), FrameReader()
    detector = SequentialDetector(normal_bad_ratio=0.01, threshold=threshold_for(3600), start_ns=0)
    outcomes, told, alarms, now_ns, compared_ns = [], 0, 0, 0, 0
    arguments = [sys.executable, __file__, "--stream", str(requests), str(slots)]
    with path.open("wb") as file, subprocess.Popen(arguments, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        file.write(BINS_HEADER)
        while data := os.read(sender.stdout.fileno(), 1 << 16):
            for frame, packed in reader.take(data):
                file.write(packed)
                counted = stream.take(frame, now_ns)
                if isinstance(frame, Hello) or now_ns >= compared_ns + NS_PER_SECOND:  # as a drill compares clocks
                    clock, compared_ns = ClockTold(0, now_ns, 0, 0, 0), now_ns
                    file.write(pack_frame(clock))
                    stream.take(clock)
                now_ns = now_ns if counted is None else max(now_ns, counted.complete_ns)
            for outcome in stream.known(stream.complete_ns(now_ns)):
                outcomes.append(outcome)
                told += outcome.requests
                detector.take(outcome)
            alarms += detector.advance(stream.complete_ns(now_ns)) is not None
    told += sum(one.requests for one in stream.known(None))
    window = failing_window(outcomes, normal_bad_ratio=0.0, from_ns=0)
    assert told == requests, f"{told} of {requests} requests were counted"
    assert alarms == 1
    assert window is not None


def report(requests: int, path: Path) -> None:
    """What is done afterwards."""
    found = binned_run(read_bins(path).frames)
    assert found is not None
    outcomes = found.known.outcomes
    window = failing_window(outcomes_in(outcomes), normal_bad_ratio=0.0, from_ns=0)
    assert window is not None
    assert window.recovered is not None
    assert outcomes.total() == requests == found.sent
    assert percentile_in(((bucket, count) for _, bucket, count in found.latencies), 0.95) is not None
    assert binned_lag_p99_ns(found) is not None


def in_a_process(requests: int, slots: int) -> Cost:
    """Measure there, so that nothing of an earlier measurement counts."""
    arguments = [sys.executable, __file__, "--measure", str(requests), str(slots)]
    ran = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(ran.stdout))


def measured(options: argparse.Namespace) -> Found:
    slots = 60 if options.smoke else SLOTS
    unit = slots * BINS_PER_SLOT * WORKERS  # the same number in each bin
    most = max(2, (unit * 20 if options.smoke else REQUESTS) // unit) * unit
    pairs = []
    for number in range(options.rounds):
        say(f"round {number + 1}")
        pairs.append((in_a_process(max(1, most // 10 // unit) * unit, slots), in_a_process(most, slots)))
    measures = [
        one
        for costs, goal in zip(zip(*pairs, strict=True), (None, CPU_GOAL), strict=True)
        for one in measures_of(f"{costs[0].requests:,} requests", costs, goal)
    ]
    ratio = tuple(many.peak_megabytes / few.peak_megabytes for few, many in pairs)
    return Found((*measures, Measure("ten times the requests", "memory", "times", ratio, MEMORY_GOAL)))


def measures_of(case: str, costs: tuple[Cost, ...], goal: Goal | None) -> Iterator[Measure]:
    both = tuple(one.live_cpu_seconds + one.report_cpu_seconds for one in costs)
    yield Measure(case, "live: processor", "s", tuple(one.live_cpu_seconds for one in costs))
    yield Measure(case, "report: processor", "s", tuple(one.report_cpu_seconds for one in costs))
    yield Measure(case, "both", "s", both, goal)
    yield Measure(case, "peak memory", "MB", tuple(one.peak_megabytes for one in costs))
    yield Measure(case, "above the modules", "MB", tuple(one.above_modules_megabytes for one in costs))
    yield Measure(case, "outcomes.bins", "MB", tuple(one.file_megabytes for one in costs))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stream"]:
        write_stream(*map(int, sys.argv[2:]))
    elif sys.argv[1:2] == ["--measure"]:
        print(json.dumps(asdict(harness_side(*map(int, sys.argv[2:])))))
    else:
        sys.exit(run_claim(CLAIM, measured, __doc__, rounds=1))
