"""What it costs Locust to be watched: requests per CPU second, with our outcome stream and without it.

Side by side in one window of time, each with a server of its own on loopback, at one rate: the Locust file of a drill,
whose records this process reads as `flowdrill run` does; a plain FastHttpUser that sends the same requests, evenly
spread, too, and judges them by status and text; the same with Locust's own CSV files (`--csv --csv-full-history`); and
the same with a listener that writes a CSV row for each request: once its buffer is full, or at once, as our records
are, so that somebody can act on it. With connections that are kept, and with a new one for each request, a drill's
default.

Counted are the requests that the servers saw in the window, and the time that each Locust had of a processor in it,
all threads, exact to the nanosecond; starts and ends are outside. Every answer must have been found good by each, and
each must have told of as many as its server saw. What the harness itself uses is told by `harness_cost.py`.

Goals: at least 0.94 times as many requests per CPU second as the plain user; more than with CSV rows, and more than
with Locust's own CSV files.

    python benchmarks/watching_cost.py [--rounds 2] [--smoke]
"""

from __future__ import annotations

import argparse
import bisect
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say
from watching_parts.locusts import Running, Way, running

CLAIM = Claim("watching_cost", "Cost of watching", "plain Locust FastHttpUser; Locust's own CSV files; a row a request")
RATE = 100.0  # requests/s of each: five of them, with their servers, leave two cores half idle
WINDOW_SECONDS, SETTLE_SECONDS, START_SECONDS = 8.0, 1.0, 60.0
NOTES = (
    "ours tells twice of each request, when it leaves and when its fate is known, and wakes a reader each time; a time "
    "limit over the whole request, an answer that is parsed, and Locust's --csv are part of it; a CSV row tells once, "
    "after the end, and wakes nobody",
)
PLAIN_GOAL, CSV_GOAL = Goal(at_least=0.94), Goal(at_least=1.0)


@dataclass(frozen=True, slots=True)
class Window:
    """What one Locust did in it."""

    requests: int
    cpu_ns: int

    @property
    def requests_per_cpu_second(self) -> float:
        return self.requests * 1e9 / self.cpu_ns


def measured(options: argparse.Namespace) -> Found:
    """All ways, with both kinds of connections, once a round."""
    seconds = 1.5 if options.smoke else WINDOW_SECONDS
    found: dict[bool, list[dict[Way, Window]]] = {False: []} if options.smoke else {True: [], False: []}
    for number in range(options.rounds):
        for kept, rounds in found.items():
            say(f"round {number + 1}: {case_of(kept=kept)}")
            ways = list(Way) if number % 2 else list(reversed(Way))  # who starts last is not always the same
            rounds.append(side_by_side(ways, seconds, kept=kept))
    measures = [one for kept, rounds in found.items() for one in measures_of(case_of(kept=kept), rounds)]
    return Found(tuple(measures), notes=NOTES, versions=(("Locust", version("locust")),))


def case_of(*, kept: bool) -> str:
    return "connections kept" if kept else "a connection a request"


def side_by_side(ways: list[Way], seconds: float, *, kept: bool) -> dict[Way, Window]:
    """One window of all of them."""
    with tempfile.TemporaryDirectory() as path, ExitStack() as stack:
        started = [
            stack.enter_context(running(way, RATE, kept=kept, folder=Path(path) / way.name.lower())) for way in ways
        ]
        wait_for_requests(started)
        time.sleep(SETTLE_SECONDS)
        starts = [(time.monotonic_ns(), one.cpu_ns()) for one in started]
        time.sleep(seconds)
        ends = [(time.monotonic_ns(), one.cpu_ns()) for one in started]
        windows = {}
        for one, (from_ns, cpu_before), (to_ns, cpu_after) in zip(started, starts, ends, strict=True):
            arrived = one.service.arrived_ns()
            within = bisect.bisect(arrived, to_ns) - bisect.bisect(arrived, from_ns)
            assert within >= 0.9 * RATE * seconds, f"{one.way.value}: {within} requests in {seconds} s"
            windows[one.way] = Window(within, cpu_after - cpu_before)
        return windows


def wait_for_requests(started: list[Running]) -> None:
    until = time.monotonic() + START_SECONDS
    while lacking := [one.way.value for one in started if len(one.service.arrived_ns()) < RATE]:
        assert time.monotonic() < until, f"few requests after {START_SECONDS:g} s: {', '.join(lacking)}"
        time.sleep(0.2)


def measures_of(case: str, rounds: list[dict[Way, Window]]) -> Iterator[Measure]:
    for way in Way:
        values = tuple(one[way].requests_per_cpu_second for one in rounds)
        yield Measure(case, way.value, "requests/CPU s", values)
    for way in Way:
        if way is not Way.OURS:
            ratios = tuple(one[Way.OURS].requests_per_cpu_second / one[way].requests_per_cpu_second for one in rounds)
            goal = PLAIN_GOAL if way is Way.PLAIN else CSV_GOAL
            yield Measure(case, f"ours / {way.value}", "times", ratios, goal)


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=2))
