"""`plan`: the page that a change approver signs."""

from __future__ import annotations

import argparse
import json

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.drilling.planning import drill_plan
from flowdrill.edges.planfiles.reading import is_suite, read_suite
from flowdrill.edges.terminal.lines import visible
from flowdrill.preparing.opening import Cluster, plan_of
from flowdrill.report.plan_text import render_plan, render_plan_markdown


def plan(options: argparse.Namespace) -> ExitCode:
    """Say what a drill, or each drill of a suite, will do. Exit code 1 when one would be refused as things stand."""
    suite, cluster = is_suite(options.drill), Cluster(options.context, options.kubeconfig)
    files = read_suite(options.drill)[1] if suite else (options.drill,)
    plans = [drill_plan(plan_of(file), cluster, offline=options.offline) for file in files]
    if options.json:
        facts = [one.model_dump(mode="json", by_alias=True) for one in plans]
        print(json.dumps(facts if suite else facts[0], indent=2))
    else:
        render = render_plan_markdown if options.markdown else render_plan
        print(visible("\n".join(map(render, plans))), end="")
    return ExitCode.FAIL if any(one.refused for one in plans) else ExitCode.PASS
