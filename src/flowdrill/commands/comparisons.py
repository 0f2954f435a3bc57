"""`compare`."""

from __future__ import annotations

import argparse

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.history.comparing import compared
from flowdrill.model.quantity import parse_ratio
from flowdrill.report.comparison_text import render_comparison, render_comparison_json


def compare(options: argparse.Namespace) -> ExitCode:
    """Say how the second run stands to the first. That it is worse is a failure only where that was asked for."""
    found = compared(options.before, options.after, _tolerance(options.tolerance))
    text = render_comparison_json(found) if options.json else visible(render_comparison(found))
    return answered(text, ExitCode.FAIL if options.fail_if_worse and found.worse else ExitCode.PASS)


def _tolerance(text: str) -> float:
    try:
        return parse_ratio(text)
    except ValueError as error:
        raise PlanError(f"--tolerance: {error}", "write it as 10%") from error
