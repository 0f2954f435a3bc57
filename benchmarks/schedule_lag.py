"""How late requests leave against their schedule, also while the service hangs for 30 s, and how many are left out.

Request n is due at start + n / rate, whatever became of those before it: that is wrk2's idea, and what the product
promises. Its own load (Locust with its own file) sends 20, 200 and 1,000 requests/s to the flow service of the tests,
which hangs once for 30 s: every request gets its answer after that. Beside it, on a service of its own that hangs as
long, Locust's `constant_throughput` sends at the same rate, with ten users for each request a second, as Locust's
documentation has it, spread evenly. A user waits for its answer, so that a service that hangs is asked less and less:
what was due and did not leave is what wrk2's author calls coordinated omission.

At 20 and 200 requests/s both send at the same time; at 1,000 one after the other, and the peer without a hang, with one
user for each request a second, which suits it better there.
Lags are given for each calm stretch (a round), for the hang and for the 2 s after it. Goals: at 200 requests/s 99 %
leave at most 5 ms late; no request is left out during the hang, where those due in its last second are not looked at:
they may leave after it, which is late.

    python benchmarks/schedule_lag.py [--rounds 3] [--smoke] [--json FILE]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from pathlib import Path

from flow_load.departures import Departures, Schedule, Window, departures_of
from flow_load.paced_load import PacedLoad
from flow_load.recorded_load import RecordedLoad
from flow_load.service import FlowService
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

CLAIM = Claim(
    "schedule_lag", "Schedule: how late requests leave, also while the service hangs", "Locust's constant_throughput"
)
GOAL_RATE = 200
USERS_FOR_A_HANG = 10  # for each request a second: while all wait, none is sent; in calm one each leaves less late
AFTER_SECONDS = 2  # what is due then may leave in the two after them
SKIPPED = (
    "wrk2: Debian has no such package, and its wrk keeps no rate. All are measured by the schedule that it keeps.",
)
NOTES = (
    "At 1,000 requests/s the product takes a time limit of 10 s at most, since 10,000 requests may be open: each that "
    "is due in the hang ends unanswered after 8 s, and none waits for it.",
    "When the hang ends, thousands of answers come at once, each of which takes 0.3 ms: what is due then leaves late.",
)


class Sender(Enum):
    PRODUCT = "flowdrill"
    LOCUST = "constant_throughput"


@dataclass(frozen=True, slots=True)
class Trial:
    """`timeout`: a request's time limit in the product, which may have 10,000 open: longer than a hang where it can
    be."""

    sender: Sender
    rate: int
    hangs: bool = True
    timeout: str = "45s"


TOGETHER = tuple(Trial(sender, rate) for rate in (20, GOAL_RATE) for sender in Sender)
ALONE = (Trial(Sender.PRODUCT, 1000, timeout="8s"), Trial(Sender.LOCUST, 1000, hangs=False))
STAGES = (TOGETHER, *((one,) for one in ALONE))
SMOKE = ((*TOGETHER[:3], Trial(Sender.PRODUCT, 300, timeout="9s"), Trial(Sender.LOCUST, 50, hangs=False)),)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long it is calm, in each of so many rounds, and how long the service hangs."""

    rounds: int
    calm_seconds: float
    hang_seconds: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What one trial sent, and when it was calm and when not."""

    trial: Trial
    schedule: Schedule
    departures: Departures
    calm: tuple[Window, ...]
    hang: Window | None


def sent(trial: Trial, pace: Pace, begin: threading.Barrier) -> Sent:
    """One trial from its start to its end. When it fails, no other waits for it."""
    with tempfile.TemporaryDirectory() as path, ExitStack() as at_failure:
        at_failure.callback(begin.abort)
        with FlowService() as service:
            load = sending(trial, service, Path(path) / "load")
            with load:
                begin.wait()
                wait_until(load.schedule.start_ns if isinstance(load, PacedLoad) else 0)
                time.sleep(1)
                calm = tuple(lasting(pace.calm_seconds) for _ in range(pace.rounds))
                hang = hung(service, pace.hang_seconds) if trial.hangs else None
        at_failure.pop_all()
        if isinstance(load, PacedLoad):
            return Sent(trial, load.schedule, load.departures, calm, hang)
        departures = departures_of(load.records)
        return Sent(trial, Schedule(int(departures.due_ns[0]), trial.rate), departures, calm, hang)


def sending(trial: Trial, service: FlowService, folder: Path) -> RecordedLoad | PacedLoad:
    if trial.sender is Sender.LOCUST:
        return PacedLoad(service.url, trial.rate, folder, users_each=USERS_FOR_A_HANG if trial.hangs else 1)
    return RecordedLoad(service.url, trial.rate, folder, timeout=trial.timeout)


def wait_until(at_ns: int) -> None:
    time.sleep(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))


def lasting(seconds: float) -> Window:
    """A stretch from now on, once it is over."""
    from_ns = time.monotonic_ns()
    time.sleep(seconds)
    return Window(from_ns, time.monotonic_ns())


def hung(service: FlowService, seconds: float) -> Window:
    """The same, in which the service answers nobody; all have their answers soon after it."""
    service.command("hang")
    window = lasting(seconds)
    service.command("good")
    time.sleep(AFTER_SECONDS + 2)
    return window


def at_once(trials: Sequence[Trial], pace: Pace) -> list[Sent]:
    """Each in a thread that lives as long as its load."""
    begin = threading.Barrier(len(trials), timeout=120)
    with ThreadPoolExecutor(len(trials)) as pool:
        running = [pool.submit(sent, trial, pace, begin) for trial in trials]
        failures = [error for one in running if (error := one.exception()) is not None]
        for failure in failures:
            if not isinstance(failure, threading.BrokenBarrierError):
                raise failure  # the others have only waited for it
        return [one.result() for one in running]


def found(options: argparse.Namespace) -> Found:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the services', which have every open request, too
    pace = Pace(1, 0.5, 1.5) if options.smoke else Pace(options.rounds, 5, 30)
    done: list[Sent] = []
    for stage in SMOKE if options.smoke else STAGES:
        say(", ".join(f"{one.sender.value} {one.rate} requests/s" for one in stage))
        done.extend(at_once(stage, pace))
    return Found(
        tuple(measure for one in done for measure in measures_of(one)),
        skipped=SKIPPED,
        notes=NOTES,
        versions=(("locust", version("locust")),),
    )


def measures_of(one: Sent) -> Iterator[Measure]:
    """A trial's rows."""
    product, rate = one.trial.sender is Sender.PRODUCT, one.trial.rate
    case, name = f"{rate:,} requests/s", one.trial.sender.value
    punctual = Goal(at_most=5) if product and rate == GOAL_RATE else None
    lags_ms = one.departures.lags_p99_ms
    yield Measure(case, f"{name}: lag, p99", "ms", lags_ms(one.calm), punctual)
    if one.hang is None:
        return
    if product:
        after = Window(one.hang.until_ns, one.hang.until_ns + round(AFTER_SECONDS * 1e9))
        yield Measure(case, f"{name}: lag in the hang, p99", "ms", lags_ms([one.hang]), punctual)
        if late := lags_ms([after]):
            yield Measure(case, f"{name}: lag in the 2 s after it, p99", "ms", late)
    left_out, due = one.departures.left_out(one.schedule, one.hang)
    none = Goal(at_most=0) if product else None
    yield Measure(case, f"{name}: left out in the hang, of {due:,} due", "requests", (float(left_out),), none)


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, found, __doc__, rounds=3))
