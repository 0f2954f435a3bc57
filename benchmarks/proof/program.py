"""What makes a benchmark's file a command: options, table, JSON, exit code."""

from __future__ import annotations

import argparse
import compileall
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import flowdrill
from proof.machine import this_machine
from proof.measure import Claim, Found
from proof.record import Record, as_json
from proof.table import table


def run_claim(
    claim: Claim,
    measured: Callable[[argparse.Namespace], Found],
    about: str | None,
    rounds: int,
    more_options: Callable[[argparse.ArgumentParser], None] = lambda _: None,
) -> int:
    """Measure as the command line says; return the exit code: 1 when a goal was missed.

    `measured` gets the options: `rounds`, and `smoke`: as little as shows that it runs, whose numbers say nothing; and
    what `more_options` adds.
    """
    options = options_of(about, rounds, more_options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is taken down on the way out
    compileall.compile_dir(Path(flowdrill.__file__).parent, quiet=2)  # as pip does; a checkout's sources may not be
    machine, began = this_machine(), time.monotonic()
    found = measured(options)
    took = round(time.monotonic() - began, 1)
    record = Record(claim, found, machine, version("flowdrill"), f"{datetime.now(UTC):%Y-%m-%d}", took, options.smoke)
    print(table(record), end="")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(as_json(record), "utf-8")
    return 1 if record.missed else 0


def options_of(
    about: str | None, rounds: int, more_options: Callable[[argparse.ArgumentParser], None]
) -> argparse.Namespace:
    """The options every benchmark has, and one's own."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often everything is measured: {rounds}")
    parser.add_argument("--smoke", action="store_true", help="only see that it runs: its numbers say nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found there")
    more_options(parser)
    options = parser.parse_args()
    if options.smoke:
        options.rounds = 1
    return options


def say(progress: str) -> None:
    """Tell on standard error what is going on."""
    print(progress, file=sys.stderr, flush=True)
