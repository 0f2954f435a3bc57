"""`preflight` and `reach`: could it be rolled back at all, and how far?"""

from __future__ import annotations

import argparse
import sys

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.verdict_codes import CODE_OF_VERDICT
from flowdrill.drilling import checking
from flowdrill.edges.terminal.consoles import console_of_errors, say_on
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import DrillRefusedError
from flowdrill.model.events import Check
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.preparing.opening import Cluster
from flowdrill.report.preflight_text import render_preflight
from flowdrill.report.reach_text import render_reach_json, render_reach_markdown, render_reach_text


def preflight(options: argparse.Namespace) -> ExitCode:
    """Look, and say what was found. What ends it half-way is an error, unless a check has failed: that is a finding."""
    say = say_on(console_of_errors())

    def told(check: Check) -> None:
        if sys.stderr.isatty() and check.status is not Status.PASS:
            say(f"{check.name}: {check.status.value}")

    cluster = Cluster(options.context, options.kubeconfig, deploys=False)
    looked = checking.look_at_drill(options.drill, cluster, say, told, strict=options.strict)
    result = looked.result
    if options.json:
        print(result.model_dump_json(indent=2, by_alias=True))
    else:
        print(visible(render_preflight(result)), end="")
    if looked.error is not None and not isinstance(looked.error, DrillRefusedError):
        print(f"flowdrill: {visible(str(looked.error))}", file=sys.stderr)
        if result.verdict is not Verdict.FAIL:
            return ExitCode.ERROR
    return CODE_OF_VERDICT[result.verdict]


def reach(options: argparse.Namespace) -> ExitCode:
    """Say how far back it can be rolled."""
    cluster = Cluster(options.context, options.kubeconfig, deploys=False)
    found = checking.reach_of_drill(options.drill, cluster, say_on(console_of_errors()))
    render = render_reach_json if options.json else render_reach_markdown if options.markdown else render_reach_text
    print(visible(render(found)), end="")
    return ExitCode.FAIL if found.nearest is None else ExitCode.PASS
