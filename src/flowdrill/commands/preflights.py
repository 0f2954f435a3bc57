"""`preflight`: could it be rolled back at all?"""

from __future__ import annotations

import argparse
import sys

from flowdrill import checking, wiring
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.terminal.lines import visible
from flowdrill.model.events import Check, Status
from flowdrill.model.result import Verdict
from flowdrill.opening import Cluster
from flowdrill.report.preflight_text import render_preflight

_CODES = {Verdict.PASS: ExitCode.PASS, Verdict.FAIL: ExitCode.FAIL, Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE}


def preflight(options: argparse.Namespace) -> ExitCode:
    """Look, and say what was found. What could not be looked at is an error; a check that fails is a finding."""
    say = wiring.say_on(wiring.console_of_errors())

    def told(check: Check) -> None:
        if sys.stderr.isatty() and check.status is not Status.PASS:
            say(f"{check.name}: {check.status.value}")

    cluster = Cluster(options.context, options.kubeconfig, deploys=False)
    looked = checking.look_at_drill(options.drill, cluster, say, told)
    result = looked.result
    if options.json:
        print(result.model_dump_json(indent=2, by_alias=True))
    else:
        print(visible(render_preflight(result)), end="")
    if looked.error is not None and result.verdict is not Verdict.FAIL:
        print(f"flowdrill: {visible(str(looked.error))}", file=sys.stderr)
        return ExitCode.ERROR
    warned = any(check.status is Status.WARNING for check in result.checks)
    return ExitCode.FAIL if options.strict and warned else _CODES[result.verdict]
