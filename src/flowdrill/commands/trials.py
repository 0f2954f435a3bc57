"""`scenario try`."""

from __future__ import annotations

import argparse
import sys

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.drilling.trying import TrialOrder, try_scenario
from flowdrill.edges.host.signals import StoppedBySignal, signals_raised
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.model.quantity import parse_duration_seconds
from flowdrill.report.trial_text import render_trial

_LONGEST_LIMIT_SECONDS = 600


def try_alone(options: argparse.Namespace) -> ExitCode:
    """Run a scenario's broken image alone, and say what it shows."""
    order = TrialOrder(
        scenario=options.scenario,
        image=options.image,
        flow=options.flow,
        input=options.input,
        expect=options.expect,
        limit_seconds=_limit_seconds(options.limit),
    )
    try:
        with signals_raised():
            trial = try_scenario(order, lambda text: print(visible(text), file=sys.stderr))
    except StoppedBySignal as stopped:
        return ExitCode[stopped.signal]
    print(trial.model_dump_json() if options.json else visible(render_trial(trial)), end="\n" if options.json else "")
    if trial.left_behind:
        return ExitCode.ERROR
    return ExitCode.PASS if trial.as_declared else ExitCode.FAIL


def _limit_seconds(text: str) -> float:
    try:
        seconds = parse_duration_seconds(text)
    except ValueError as error:
        raise PlanError(f"--limit: {error}", "write it as 12s or 1m") from error
    if not 1 <= seconds <= _LONGEST_LIMIT_SECONDS:
        raise PlanError(f"--limit {text}: is not between 1s and 10m", "write it as 12s or 1m")
    return seconds
